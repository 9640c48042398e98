// Which sources there are, and what the engine offers of each.
import type { Offers } from "../offer.ts";
import { onnxOffers } from "./onnx.ts";

/** Offered operators by source; a source that is not here is not offered at all. */
export const OFFERS: Readonly<Record<string, Offers>> = {
  onnx: onnxOffers,
  "onnx-pytorch": onnxOffers,
};

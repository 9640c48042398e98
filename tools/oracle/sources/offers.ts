// Which sources there are, and what the engine offers of each.
import type { Offers } from "../offer.ts";
import { ownOffers, plainOwn } from "../own/offers.ts";
import type { VectorCase } from "../vectors.ts";
import { attentionOffer } from "./attention.ts";
import { depthMetricsOffer } from "./depth_metrics.ts";
import { onnxMovementOffers } from "./onnx_movement.ts";
import { onnxOffers } from "./onnx.ts";
import { onnxWindowOffers } from "./onnx_windows.ts";
import { webnnOffers } from "./webnn.ts";
import { kerasOptimizer, pytorchOptimizer, tfjsOptimizer } from "./optimizers.ts";
import { tfjsMovementOffers } from "./tfjs_movement.ts";
import { tfjsOffers } from "./tfjs.ts";
import { tfjsWindowOffers } from "./tfjs_windows.ts";
import { transformer } from "./transformer.ts";
import { plainCall } from "./webnn_call.ts";
import { webnnWindowOffers } from "./webnn_windows.ts";

const onnx: Offers = {
  ...onnxOffers,
  ...onnxWindowOffers,
  ...onnxMovementOffers,
  Attention: attentionOffer,
};
const webnn: Offers = { ...webnnOffers, ...webnnWindowOffers };
const tfjs: Offers = { ...tfjsOffers, ...tfjsWindowOffers, ...tfjsMovementOffers };

/** Offered operators by source; a source that is not here is not offered at all. */
export const OFFERS: Readonly<Record<string, Offers>> = {
  onnx,
  "onnx-pytorch": onnx,
  pytorch: { transformer, optimizer_trajectories: pytorchOptimizer },
  keras: { optimizers: kerasOptimizer },
  "depth-metrics": { metrics: depthMetricsOffer },
  tfjs,
  "tfjs-grad": tfjs,
  "tfjs-optim": { optimizers: tfjsOptimizer },
  "wpt-webnn": webnn,
  "webnn-baseline": webnn,
  own: ownOffers,
};

/** Turns a case as its source writes it into the form that the offers read. */
export function plain(given: VectorCase): VectorCase {
  if (given.source === "own") return plainOwn(given);
  return given.source.includes("webnn") ? plainCall(given) : given;
}

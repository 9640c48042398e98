// Depth from logits in one read against its reference.
import {
  binDecode,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
  binDecodeRows,
} from "../../src/kernels/bin_decode.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  binDecode,
  binDecodeRows,
  binDecodeGradLogits,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
);

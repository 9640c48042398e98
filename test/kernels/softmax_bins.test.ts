// Softmax over the depth bins against its reference.
import {
  softmaxBins,
  softmaxBinsGrad,
  softmaxBinsGradRows,
  softmaxBinsRows,
} from "../../src/kernels/softmax_bins.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(softmaxBins, softmaxBinsRows, softmaxBinsGrad, softmaxBinsGradRows);

// The log-binomial head against its reference.
import {
  logBinomial,
  logBinomialGrad,
  logBinomialGradRows,
  logBinomialHead,
  logBinomialHeadGrad,
} from "../../src/kernels/log_binomial.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  logBinomial,
  logBinomialGrad,
  logBinomialGradRows,
  logBinomialHead,
  logBinomialHeadGrad,
);

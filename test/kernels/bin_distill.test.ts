// bin_distill
import { binDistill, binDistillBinomial, binDistillBinomialRows, binDistillFactors, binDistillRows } from "../../src/kernels/bin_distill.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binDistill, binDistillBinomial, binDistillBinomialRows, binDistillFactors, binDistillRows);

// binomial_decode
import { binomialDecode, binomialDecodeRows } from "../../src/kernels/binomial_decode.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binomialDecode, binomialDecodeRows);

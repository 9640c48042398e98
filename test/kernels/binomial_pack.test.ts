// binomial_pack
import { binomialPack } from "../../src/kernels/binomial_pack.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binomialPack);

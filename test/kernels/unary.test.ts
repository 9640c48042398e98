import { unary, unaryGrad } from "../../src/kernels/unary.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(unary, unaryGrad);

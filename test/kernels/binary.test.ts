import { binary, binaryGrad } from "../../src/kernels/binary.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binary, binaryGrad);

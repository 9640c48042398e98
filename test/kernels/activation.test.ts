// Elementwise non-linearities against their references.
import { activation, activationGrad } from "../../src/kernels/activation.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(activation, activationGrad);

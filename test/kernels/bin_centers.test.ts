// bin_centers against its reference.
import { binCenters, binCentersGrad } from "../../src/kernels/bin_centers.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binCenters, binCentersGrad);

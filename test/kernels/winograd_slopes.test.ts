// Tiles of d_y at Winograd's points against their reference.
import { winogradSlopes } from "../../src/kernels/convolution/winograd_slopes.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(winogradSlopes);

import { scaleBy } from "../../src/kernels/scale_by.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(scaleBy);

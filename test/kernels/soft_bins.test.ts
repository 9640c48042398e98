// soft_bins against its reference.
import { softBins } from "../../src/kernels/soft_bins.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(softBins);

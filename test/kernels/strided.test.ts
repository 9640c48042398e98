import { stridedRead, stridedWrite } from "../../src/kernels/strided.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(stridedRead, stridedWrite);

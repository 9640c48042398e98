// adamw against its reference.
import { adamw } from "../../src/kernels/adamw.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(adamw);

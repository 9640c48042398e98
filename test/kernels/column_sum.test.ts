// Column sums against their reference.
import { columnSum } from "../../src/kernels/column_sum.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(columnSum);

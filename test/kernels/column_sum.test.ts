// Column sums against their reference.
import { columnSum, columnSumFour, columnSumVec4 } from "../../src/kernels/column_sum.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(columnSum, columnSumVec4, columnSumFour);

// normalize_rows against its reference.
import { normalizeRows, normalizeRowsGrad } from "../../src/kernels/normalize_rows.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(normalizeRows, normalizeRowsGrad);

// silog against its reference.
import { silog, silogFinish, silogGrad } from "../../src/kernels/silog.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(silog, silogFinish, silogGrad);

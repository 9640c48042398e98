// Depth from probabilities and centres against its reference.
import {
  binExpectation,
  binExpectationGrad,
  binExpectationGradSlabs,
  binExpectationRows,
  binExpectationSum,
} from "../../src/kernels/bin_expectation.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  binExpectation,
  binExpectationRows,
  binExpectationGrad,
  binExpectationGradSlabs,
  binExpectationSum,
);

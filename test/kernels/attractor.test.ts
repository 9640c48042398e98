// attractor against its reference.
import {
  attractor,
  attractorGradCenters,
  attractorGradAttractors,
  attractorGradAttractorsRows,
} from "../../src/kernels/attractor.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(attractor, attractorGradCenters, attractorGradAttractors, attractorGradAttractorsRows);

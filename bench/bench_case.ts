// What a file of bench/kernels declares: problems at the student's real sizes. `ringdepth bench
// kernels` and `ringdepth profile` time them.
import type { AnyKernel, Distribution } from "../src/engine/kernel.ts";
import type { Shape } from "../src/tensor/shape.ts";

/** One problem to time a kernel on. */
export interface BenchCase {
  readonly name: string;
  readonly kernel: AnyKernel;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly attributes: unknown;
  /** Distribution by input name; standard normal otherwise. */
  readonly data?: Readonly<Record<string, Distribution>>;
}

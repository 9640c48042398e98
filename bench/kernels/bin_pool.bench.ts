// Pooled binomial probabilities and their gradient at the student's sizes.
import { rowsOfBins } from "../../src/kernels/depth_bins/binomial_decode.ts";
import { binPool, binPoolGrad } from "../../src/kernels/depth_bins/bin_pool.ts";
import type { KernelProblem } from "../../src/engine/kernel.ts";

const attributes = { grid: [6, 10] as const };
const data = {
  rows: rowsOfBins(64),
  log_choose: { kind: "log_choose" },
  mask: { kind: "constant", value: 1 },
} as const;

/** Both kernels on six views. */
function pooled(height: number, width: number): KernelProblem[] {
  const pixels = [6, height, width];
  const shapes = { rows: [...pixels, 5], log_choose: [64, 2], mask: [...pixels, 1] };
  const withGradient = { ...shapes, weight: [6, 60], d_tokens: [6, 60, 64] };
  const name = pixels.join("x");
  return [
    { name: `pool ${name}x64`, kernel: binPool, shapes, attributes, data },
    { name: `gradient ${name}x64`, kernel: binPoolGrad, shapes: withGradient, attributes, data },
  ];
}

/** Half of 96 x 160 and of 192 x 320. */
export const cases: readonly KernelProblem[] = [pooled(48, 80), pooled(96, 160)].flat();

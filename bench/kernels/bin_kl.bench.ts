// Divergence of bin probabilities at the student's sizes.
import { binKl, binKlGrad } from "../../src/kernels/bin_kl.ts";
import type { BenchCase } from "../bench_case.ts";

const attributes = { temperature: 1 };
const logits = [6, 48, 80, 64];
const inputs = { student: logits, teacher: logits, usable: [6, 48, 80, 1] };

/** 64 bins at half resolution. */
export const cases: readonly BenchCase[] = [
  { name: "KL 6x48x80x64", kernel: binKl, shapes: inputs, attributes },
  {
    name: "KL gradient 6x48x80x64",
    kernel: binKlGrad,
    shapes: { ...inputs, statistics: [6, 48, 80, 4], count: [1], d_loss: [1] },
    attributes,
  },
];

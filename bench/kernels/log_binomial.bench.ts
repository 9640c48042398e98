// The log-binomial head at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { TEMPERATURE } from "../../src/bins/metric_bins.ts";
import {
  logBinomial,
  logBinomialGrad,
  logBinomialHead,
  logBinomialHeadGrad,
} from "../../src/kernels/depth_bins/log_binomial.ts";

const one = [6, 48, 80, 1];
const logits = [6, 48, 80, 64];
const pairs = [6, 48, 80, 4];
const pi = { kind: "uniform", low: 0.001, high: 0.999 } as const;
const t = { kind: "uniform", low: 0.5, high: TEMPERATURE.t_max } as const;
// Of one sign, so that no cancellation hides behind an absolute tolerance.
const GRADIENT = {
  pi: { kind: "uniform", low: 0.001, high: 0.2 },
  t,
  logits: { kind: "uniform", low: -50, high: 0 },
  d_logits: { kind: "uniform", low: 0, high: 1 },
} as const;
const positive = { kind: "uniform", low: 0, high: 4 } as const;

/** 64 bins at half resolution. */
export const cases: readonly KernelProblem[] = [
  {
    name: "logits 6x48x80x64",
    kernel: logBinomial,
    shapes: { pi: one, t: one },
    attributes: { bins: 64 },
    data: { pi, t },
  },
  {
    name: "gradient 6x48x80x64",
    kernel: logBinomialGrad,
    shapes: { pi: one, t: one, logits, d_logits: logits },
    attributes: undefined,
    data: GRADIENT,
  },
  {
    name: "head 6x48x80",
    kernel: logBinomialHead,
    shapes: { pairs },
    attributes: TEMPERATURE,
    data: { pairs: positive },
  },
  {
    name: "head gradient 6x48x80",
    kernel: logBinomialHeadGrad,
    shapes: { pairs, d_pi: one, d_t: one },
    attributes: TEMPERATURE,
    data: { pairs: positive },
  },
];

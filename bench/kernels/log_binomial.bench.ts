// The log-binomial head at the student's sizes.
import {
  logBinomial,
  logBinomialGrad,
  logBinomialHead,
  logBinomialHeadGrad,
} from "../../src/kernels/log_binomial.ts";
import type { BenchCase } from "../bench_case.ts";

const one = [6, 48, 80, 1];
const logits = [6, 48, 80, 64];
const pairs = [6, 48, 80, 4];
const range = { t_min: 0.0212, t_max: 50 };

/** 64 bins at half resolution. */
export const cases: readonly BenchCase[] = [
  {
    name: "logits 6x48x80x64",
    kernel: logBinomial,
    shapes: { pi: one, t: one },
    attributes: { bins: 64 },
  },
  {
    name: "gradient 6x48x80x64",
    kernel: logBinomialGrad,
    shapes: { pi: one, t: one, logits, d_logits: logits },
    attributes: undefined,
  },
  { name: "head 6x48x80", kernel: logBinomialHead, shapes: { pairs }, attributes: range },
  {
    name: "head gradient 6x48x80",
    kernel: logBinomialHeadGrad,
    shapes: { pairs, d_pi: one, d_t: one },
    attributes: range,
  },
];

// The problems of `bench bins`: the student's output at each pixel, decoded or distilled at a level
// of fusing, and the random inputs. No GPU.
import type { Distribution } from "../../engine/problem.ts";
import { TEMPERATURE } from "../../bins/metric_bins.ts";
import {
  decodeBins,
  decodeFeatures,
  distillBins,
  teacherBins,
  type StudentBins,
} from "../../distill/bin_levels.ts";
import { backward } from "../../graph/backward.ts";
import { graph, type Graph } from "../../graph/graph.ts";
import { add } from "../../graph/ops/arithmetic.ts";
import { logBinomial } from "../../graph/ops/log_binomial.ts";
import { silog } from "../../graph/ops/silog.ts";
import type { Value } from "../../graph/value.ts";
import { draw } from "../../kernels/check/random_inputs.ts";
import { hashText } from "../../tensor/random.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import type { BenchGraph, GraphInputs } from "./plan_bench.ts";

/** How much of the decode is one kernel; src/distill/README.md has the table. */
export type BinLevel = 0 | 1 | 2 | 3;

/** The input of the decode: logits, the (pi, t) of a log-binomial, or features. */
export type BinStudent = "logits" | "binomial" | "features";

/** One problem; each row of a bench is for one. */
export interface BinProblem {
  readonly views: number;
  readonly height: number;
  readonly width: number;
  readonly bins: number;
  readonly student: BinStudent;
  /** Channels of the features; 0 for the other students. */
  readonly channels: number;
  /** Whether each pixel has its own centres, or all pixels of an image share them. */
  readonly centers: "image" | "pixel";
}

/** The levels that decode to depth alone: level 3 distils, and decodes as level 1 does. */
export function decodeLevels({ student }: BinProblem): readonly BinLevel[] {
  return student === "features" ? [0, 1, 2] : [0, 1];
}

/**
 * The levels of a step: from features only those of depth alone, because level 3 does not take
 * features.
 */
export function stepLevels({ student }: BinProblem): readonly BinLevel[] {
  return student === "features" ? [0, 1, 2] : [0, 1, 3];
}

/** Depth alone. */
export function decodeGraph(problem: BinProblem, level: BinLevel): BenchGraph {
  const g = graph();
  return { g, forward: { depth_m: decoded(g, problem, level).depth_m }, backward: {} };
}

/**
 * A step. From logits and (pi, t): depth and cross depth with their SILog, the divergence, and the
 * gradients of the sum of the three losses with respect to the student's outputs. From features:
 * depth, and its gradients with respect to features, weights, biases and centres.
 */
export function stepGraph(problem: BinProblem, level: BinLevel): BenchGraph {
  const g = graph();
  if (problem.student === "features") {
    const { depth_m, wrt } = decoded(g, problem, level);
    const seeds = [[depth_m, g.input("d_depth_m", depth_m.shape)]] as const;
    return { g, forward: { depth_m }, backward: named(backward(g, seeds, wrt)) };
  }
  if (level === 2) throw new Error("level 2 begins with features");
  const { bins, wrt } = studentBins(g, problem);
  const one = [...pixels(problem), 1];
  const index = g.input("teacher", one);
  const teacher = teacherBins({ index, binomial: null }, problem.bins);
  const { depth_m, cross_m, kl } = distillBins(level, bins, teacher);
  const [truth, valid] = [g.input("truth_m", one), g.input("valid", one)];
  const losses = {
    silog: silog(depth_m, truth, valid).loss,
    cross: silog(cross_m, truth, valid).loss,
    kl: kl(g.input("usable", one)),
  };
  const loss = add(add(losses.silog, losses.cross), losses.kl);
  const gradients = named(g.gradients(loss, wrt));
  return { g, forward: { depth_m, cross_m, ...losses }, backward: gradients };
}

/** The same problem on few pixels. */
export function smallProblem(problem: BinProblem): BinProblem {
  return { ...problem, views: 2, height: 6, width: 10 };
}

/** Random inputs for all graphs of a problem, deterministic for the same shapes. */
export function problemInputs(problem: BinProblem): GraphInputs {
  const { views, bins, student, channels } = problem;
  const one = [...pixels(problem), 1];
  const centers = centersShape(problem);
  const scale_m = drawn("scale_m", [views], { kind: "uniform", low: 60, high: 90 });
  const shared = { centers: ascending(drawn("centers", centers, WIDTHS), bins), scale_m };
  if (student === "features") {
    return {
      ...shared,
      features: drawn("features", [...pixels(problem), channels], { kind: "normal" }),
      weight: drawn("weight", [bins, 1, 1, channels], { kind: "normal", deviation: 0.3 }),
      bias: drawn("bias", [bins], { kind: "normal" }),
      d_depth_m: drawn("d_depth_m", one, { kind: "normal" }),
    };
  }
  return {
    ...shared,
    ...(student === "logits"
      ? { logits: drawn("logits", [...pixels(problem), bins], { kind: "normal", deviation: 3 }) }
      : {
          pi: drawn("pi", one, { kind: "uniform", low: 0.001, high: 0.999 }),
          t: drawn("t", one, {
            kind: "uniform",
            low: TEMPERATURE.t_min,
            high: TEMPERATURE.t_max,
          }),
        }),
    teacher: drawn("teacher", one, { kind: "uniform", low: 0, high: 1 }),
    truth_m: drawn("truth_m", one, { kind: "uniform", low: 1, high: 80 }),
    valid: drawn("valid", one, { kind: "mask", share: 0.05 }),
    usable: drawn("usable", one, { kind: "mask", share: 0.9 }),
  };
}

/** The values that a student's bins are made from, and that gradients are taken with respect to. */
interface GivenBins {
  readonly bins: StudentBins;
  readonly wrt: readonly Value[];
}

function studentBins(g: Graph, problem: BinProblem): GivenBins {
  const one = [...pixels(problem), 1];
  const { bins } = problem;
  const [centers, scale_m] = centersOf(g, problem);
  if (problem.student === "logits") {
    const logits = g.input("logits", [...pixels(problem), bins]);
    return { bins: { logits, binomial: null, centers, scale_m }, wrt: [logits, centers] };
  }
  const [pi, t] = [g.input("pi", one), g.input("t", one)];
  const logits = logBinomial(pi, t, { bins });
  return { bins: { logits, binomial: { pi, t }, centers, scale_m }, wrt: [pi, t, centers] };
}

function decoded(
  g: Graph,
  problem: BinProblem,
  level: BinLevel,
): { readonly depth_m: Value; readonly wrt: readonly Value[] } {
  if (level === 3) throw new Error("level 3 distils; it decodes as level 1 does");
  if (problem.student !== "features") {
    if (level === 2) throw new Error("level 2 begins with features");
    const { bins, wrt } = studentBins(g, problem);
    return { depth_m: decodeBins(level, bins), wrt };
  }
  const { bins, channels } = problem;
  const features = g.input("features", [...pixels(problem), channels]);
  const weight = g.input("weight", [bins, 1, 1, channels]);
  const bias = g.input("bias", [bins]);
  const [centers, scale_m] = centersOf(g, problem);
  const depth_m = decodeFeatures(level, features, weight, bias, { centers, scale_m });
  return { depth_m, wrt: [features, weight, bias, centers] };
}

function centersOf(g: Graph, problem: BinProblem): readonly [centers: Value, scale_m: Value] {
  return [g.input("centers", centersShape(problem)), g.input("scale_m", [problem.views])];
}

function centersShape({ views, height, width, bins, centers }: BinProblem): Shape {
  return centers === "image" ? [views, 1, 1, bins] : [views, height, width, bins];
}

function pixels({ views, height, width }: BinProblem): Shape {
  return [views, height, width];
}

function named(gradients: ReadonlyMap<Value, Value>): Record<string, Value> {
  return Object.fromEntries(
    [...gradients].map(([value, gradient]) => [`d_${value.name}`, gradient]),
  );
}

const WIDTHS: Distribution = { kind: "uniform", low: 0.2, high: 1 };
// The numbers are drawn once and repeated beyond that: millions of draws would take many seconds.
const DRAWN = 2 ** 18;

/** Random pixels, repeated as a whole to fill the shape. */
function drawn(name: string, shape: Shape, distribution: Distribution): Float32Array {
  const row = shape.at(-1)!;
  const count = size(shape);
  const rows = Math.max(1, Math.floor(Math.min(count, DRAWN) / row));
  const tile = draw([rows, row], distribution, hashText(name));
  const values = new Float32Array(count);
  for (let start = 0; start < count; start += tile.length) {
    values.set(tile.subarray(0, Math.min(tile.length, count - start)), start);
  }
  return values;
}

/** Centres from widths of bins: ascending at every pixel, the last edge at 1. */
function ascending(widths: Float32Array, bins: number): Float32Array {
  const centers = new Float32Array(widths.length);
  for (let start = 0; start < widths.length; start += bins) {
    const row = widths.subarray(start, start + bins);
    const sum = row.reduce((a, b) => a + b, 0);
    let edge = 0;
    row.forEach((width, k) => {
      centers[start + k] = (edge + width / 2) / sum;
      edge += width;
    });
  }
  return centers;
}

// Gradients of a distilled decode: against their reference, by central differences, and against the
// path of single ops over hard rows.
import { test } from "vitest";
import { HARD_TEMPERATURES, hardLogits } from "../../src/distill/hard_rows.ts";
import { backward } from "../../src/graph/backward.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binDistill, binDistillBinomial, type Distilled } from "../../src/graph/ops/bin_distill.ts";
import { binKl } from "../../src/graph/ops/bin_kl.ts";
import { packBinomial } from "../../src/graph/ops/binomial_pack.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import { maskedMean } from "../../src/graph/ops/masked_mean.ts";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialRows,
  binDistillGradBinomialSlabs,
  binDistillGradBinomialVec4,
} from "../../src/kernels/depth_bins/bin_distill_grad.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { expectSameBins } from "../support/expect_same_bins.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialVec4,
  binDistillGradBinomialRows,
  binDistillGradBinomialSlabs,
);

const relative = { kind: "uniform", low: 0, high: 1 } as const;

const views = 2;
const [height, width, bins] = [20, 26, 64];
const one = [views, height, width, 1];
const all = [views, height, width, bins];
const rows = views * height * width;

type Named = Readonly<Record<string, Value>>;

/**
 * Depth, cross depth, mean divergence and the gradients of all three together by `wrt`, as two paths
 * of ops make them from the inputs of `shapes`.
 */
async function bothPaths(
  shapes: Readonly<Record<string, Shape>>,
  wrt: readonly string[],
  inputs: Readonly<Record<string, Float32Array>>,
  fused: (v: Named) => Distilled,
  single: (v: Named) => Distilled,
): Promise<readonly [Record<string, Float32Array>, Record<string, Float32Array>]> {
  const run = async (path: (v: Named) => Distilled): Promise<Record<string, Float32Array>> =>
    await runGraph((g) => {
      const v = Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [name, g.input(name, shape)]),
      );
      const { depth, cross, kl } = path(v);
      const by = [
        [depth, g.input("d_depth", one)],
        [cross, g.input("d_cross", one)],
        [kl, g.input("d_kl", [1])],
      ] as const;
      const gradients = backward(
        g,
        by,
        wrt.map((name) => v[name]),
      );
      const made = wrt.map((name) => [`d_${name}`, gradients.get(v[name])!] as const);
      return { depth, cross, kl, ...Object.fromEntries(made) };
    }, inputs);
  const mean = (v: Named): Distilled => {
    const distilled = fused(v);
    return { ...distilled, kl: maskedMean(distilled.kl, v["usable"]).mean };
  };
  return [await run(mean), await run(single)];
}

const seeds = (): Record<string, Float32Array> => ({
  scale: Float32Array.of(0.8, 1.3),
  d_depth: draw(one, { kind: "normal" }, 3),
  d_cross: draw(one, { kind: "normal" }, 4),
  d_kl: Float32Array.of(rows),
  usable: draw(one, { kind: "mask", share: 0.8 }, 5),
  teacher: draw(one, relative, 6),
});

const CENTERS: readonly (readonly [string, Shape])[] = [
  ["the pixel", all],
  ["the image", [views, 1, 1, bins]],
];

test.each(CENTERS)(
  "over 1,040 hard rows the fused path equals single ops, centres of %s",
  async (_, shape) => {
    const [fused, single] = await bothPaths(
      { z: all, teacher: all, centers: shape, scale: [views], usable: one },
      ["z", "centers"],
      {
        ...seeds(),
        z: hardLogits(rows, bins),
        teacher: draw(all, { kind: "uniform", low: -80, high: 80 }, 7),
        centers: draw(shape, { kind: "uniform", low: 0.001, high: 1 }, 2),
      },
      (v) =>
        binDistill(
          { student: v["z"], teacher: v["teacher"], centers: v["centers"], scale: v["scale"] },
          { teacher: "logits" },
        ),
      (v) => ({
        depth: binDecode(v["z"], v["centers"], v["scale"]),
        cross: binDecode(v["teacher"], v["centers"], v["scale"]),
        kl: binKl(v["z"], v["teacher"], v["usable"], { temperature: 1 }),
      }),
    );
    expectSameBins(fused, single, ["depth", "cross"]);
  },
);

test.each(
  CENTERS.flatMap(([whose, c]) => HARD_TEMPERATURES.map(([t, d]) => [whose, t, c, d] as const)),
)(
  "of 1,040 binomials the fused path equals single ops, centres of %s, temperatures: %s",
  async (_, __, shape, temperatures) => {
    const [fused, single] = await bothPaths(
      { pi: one, t: one, teacher: one, centers: shape, scale: [views], usable: one },
      ["pi", "t", "centers"],
      {
        ...seeds(),
        pi: draw(one, { kind: "uniform", low: 0, high: 1 }, 8),
        t: draw(one, temperatures, 9),
        centers: draw(shape, { kind: "uniform", low: 0.001, high: 1 }, 2),
      },
      (v) =>
        binDistillBinomial(
          {
            pi: v["pi"],
            t: v["t"],
            teacher: v["teacher"],
            centers: v["centers"],
            scale: v["scale"],
          },
          {
            teacher: "relative",
          },
        ),
      (v) => {
        const z = logBinomial(v["pi"], v["t"], { bins });
        const teacher = softBins(v["teacher"], { bins });
        return {
          depth: binDecode(z, v["centers"], v["scale"]),
          cross: binDecode(teacher, v["centers"], v["scale"]),
          kl: binKl(z, teacher, v["usable"], { temperature: 1 }),
        };
      },
    );
    expectSameBins(fused, single, ["depth", "cross"]);
  },
);

test.each(
  HARD_TEMPERATURES.flatMap(([name, t]) =>
    (["binomials", "logits"] as const).map((student) => [student, name, t] as const),
  ),
)(
  "of 1,040 %s taught by binomials the fused path equals single ops, temperatures: %s",
  async (student, _, temperatures) => {
    const centers = [views, 1, 1, bins];
    const isBinomial = student === "binomials";
    const own: Record<string, Shape> = isBinomial ? { pi: one, t: one } : { z: all };
    const probability = { kind: "uniform", low: 0, high: 1 } as const;
    const [fused, single] = await bothPaths(
      { ...own, teacher: one, teacher_t: one, centers, scale: [views], usable: one },
      [...Object.keys(own), "centers"],
      {
        ...seeds(),
        ...(isBinomial
          ? { pi: draw(one, probability, 8), t: draw(one, temperatures, 9) }
          : { z: hardLogits(rows, bins) }),
        teacher_t: draw(one, temperatures, 10),
        centers: draw(centers, { kind: "uniform", low: 0.001, high: 1 }, 2),
      },
      (v) => {
        const teacher = packBinomial(v["teacher"], v["teacher_t"], { bins });
        const rest = { teacher, centers: v["centers"], scale: v["scale"] };
        return isBinomial
          ? binDistillBinomial({ pi: v["pi"], t: v["t"], ...rest }, { teacher: "binomial" })
          : binDistill({ student: v["z"], ...rest }, { teacher: "binomial" });
      },
      (v) => {
        const z = isBinomial ? logBinomial(v["pi"], v["t"], { bins }) : v["z"];
        const teacher = logBinomial(v["teacher"], v["teacher_t"], { bins });
        return {
          depth: binDecode(z, v["centers"], v["scale"]),
          cross: binDecode(teacher, v["centers"], v["scale"]),
          kl: binKl(z, teacher, v["usable"], { temperature: 1 }),
        };
      },
    );
    expectSameBins(fused, single, ["depth", "cross"]);
  },
);

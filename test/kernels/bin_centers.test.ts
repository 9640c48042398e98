// Cumulative bin centres: against their reference, their gradient, their order and their spacing at
// the start.
import { expect, test } from "vitest";
import {
  binCenters,
  CENTER_SPACINGS,
  seedCenters,
  seedCentersBias,
  type CenterSpacing,
} from "../../src/graph/ops/bin_centers.ts";
import {
  binCenters as binCentersKernel,
  binCentersGrad,
} from "../../src/kernels/depth_bins/bin_centers.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { checkGradient, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(binCentersKernel, ({ widths }, { first_edge }) => binCenters(widths, first_edge)),
  binCentersGrad,
);

for (const seed of ["cumulative", "softplus"] as const) {
  checkGradient(`seed centres, ${seed}`, (g) => {
    const raw = g.input("raw", [2, 1, 1, 7]);
    return { output: seedCenters(raw, seed, 80), wrt: [raw] };
  });
}

const centersOf = async (
  raw: Float32Array,
  bins: number,
  seed: "cumulative" | "softplus",
): Promise<Float32Array> => {
  const { c } = await runGraph(
    (g) => ({ c: seedCenters(g.input("raw", [raw.length / bins, 1, 1, bins]), seed, 200) }),
    { raw },
  );
  return c;
};

test("cumulative centres ascend whatever the layer gives", async () => {
  const centers = await centersOf(
    draw([4, 64], { kind: "normal", deviation: 4 }, 1),
    64,
    "cumulative",
  );
  for (let i = 1; i < 256; i++) {
    if (i % 64 !== 0) expect(centers[i]).toBeGreaterThan(centers[i - 1]);
  }
});

const FAR = 200;
/** Depth in metres at a share of the way from 1 m to the largest depth. */
const SPACED: Record<CenterSpacing, (share: number) => number> = {
  log: (share) => FAR ** share,
  disparity: (share) => 1 / (1 - share + share / FAR),
  uniform: (share) => 1 + (FAR - 1) * share,
};

test.each(CENTER_SPACINGS)("plain centres start evenly spaced from 1 m on: %s", async (spacing) => {
  const bias = seedCentersBias({ bins: 64, seed: "softplus", spacing, depth_max_m: FAR });
  const centers = await centersOf(bias, 64, "softplus");
  centers.forEach((c, k) => {
    expect(Math.abs((FAR * c) / SPACED[spacing]((k + 0.5) / 64) - 1)).toBeLessThan(1e-4);
  });
  expect([...centers]).toEqual([...centers].toSorted((a, b) => a - b));
});

test.each(CENTER_SPACINGS)(
  "cumulative centres start between spaced edges, the first bin from 0.1 m on: %s",
  async (spacing) => {
    const bias = seedCentersBias({ bins: 64, seed: "cumulative", spacing, depth_max_m: FAR });
    const centers = await centersOf(bias, 64, "cumulative");
    const edge = (k: number): number => (k === 0 ? 0.1 : SPACED[spacing](k / 64));
    centers.forEach((c, k) => {
      expect(Math.abs((FAR * c) / ((edge(k) + edge(k + 1)) / 2) - 1)).toBeLessThan(1e-4);
    });
  },
);

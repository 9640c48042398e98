// Cumulative bin centres: against their reference, their gradient, their order and their spacing at
// the start.
import { expect, test } from "vitest";
import { binCenters, seedCenters, seedCentersBias } from "../../src/graph/ops/bin_centers.ts";
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

test("plain centres start log-spaced from 1 m to the largest depth", async () => {
  const centers = await centersOf(seedCentersBias(64, "softplus", 200), 64, "softplus");
  centers.forEach((c, k) => {
    expect(Math.abs((200 * c) / 200 ** ((k + 0.5) / 64) - 1)).toBeLessThan(1e-4);
  });
});

test("cumulative centres start between log-spaced edges, the first bin from 0.1 m on", async () => {
  const centers = await centersOf(seedCentersBias(64, "cumulative", 200), 64, "cumulative");
  const edge = (k: number): number => (k === 0 ? 0.1 : 200 ** (k / 64));
  centers.forEach((c, k) => {
    expect(Math.abs((200 * c) / ((edge(k) + edge(k + 1)) / 2) - 1)).toBeLessThan(1e-4);
  });
});

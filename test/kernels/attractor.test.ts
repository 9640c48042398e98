// Attractors of bin centres: against their reference, and their gradients.
import { expect, test } from "vitest";
import { attractor } from "../../src/graph/ops/bin_centers.ts";
import {
  attractor as attractorKernel,
  attractorGradAttractors,
  attractorGradAttractorsRows,
  attractorGradAttractorsVec4,
  attractorGradCenters,
  attractorGradCentersVec4,
  attractorVec4,
} from "../../src/kernels/depth_bins/attractor.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(attractorKernel, ({ centers, attractors }, attributes) =>
    attractor(centers, attractors, attributes),
  ),
  attractorVec4,
  attractorGradCenters,
  attractorGradCentersVec4,
  attractorGradAttractors,
  attractorGradAttractorsVec4,
  attractorGradAttractorsRows,
);

test("an inverse attractor pulls hardest at 1 / sqrt(alpha), by half of it", async () => {
  const reach = 1 / Math.sqrt(1000);
  const { y } = await runGraph(
    (g) => {
      const centers = g.input("centers", [1, 1, 1, 3]);
      const attractors = g.input("attractors", [1, 1, 1, 1]);
      return { y: attractor(centers, attractors, { alpha: 1000, kind: "inverse", gamma: 2 }) };
    },
    { centers: [0.5 - reach, 0.5, 0.5 - 2 * reach], attractors: [0.5] },
  );
  expect(y[0] - (0.5 - reach)).toBeCloseTo(reach / 2, 6);
  expect(y[1]).toBe(0.5);
  expect(y[2] - (0.5 - 2 * reach)).toBeLessThan(reach / 2);
});

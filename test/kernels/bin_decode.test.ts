// Depth from logits in one read: against its reference, its gradients, and against the unfused
// path.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  binDecode as binDecodeKernel,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradCentersSlabsVec4,
  binDecodeGradLogits,
  binDecodeGradLogitsVec4,
  binDecodeRows,
  binDecodeVec4,
} from "../../src/kernels/depth_bins/bin_decode.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(binDecodeKernel, ({ logits, centers, scale }) =>
    binDecode(logits, centers, present(scale)),
  ),
  binDecodeVec4,
  binDecodeRows,
  binDecodeGradLogits,
  binDecodeGradLogitsVec4,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradCentersSlabsVec4,
);

const views = 2;
const bins = 64;
const pixels = 4 * 6;
/** A third of the pixels random over ±80, a third one-hot, a third constant rows. */
function hardLogits(): Float32Array {
  const logits = draw([views * pixels, bins], { kind: "uniform", low: -80, high: 80 }, 1);
  for (let row = 0; row < views * pixels; row++) {
    if (row % 3 === 1)
      logits.fill(-80, row * bins, (row + 1) * bins)[row * bins + (row % bins)] = 80;
    if (row % 3 === 2) logits.fill(row % 2 === 0 ? 80 : -80, row * bins, (row + 1) * bins);
  }
  return logits;
}

test.each([
  ["the pixel", [views, 4, 6, bins]],
  ["the image", [views, 1, 1, bins]],
  ["the rig", [1, 1, 1, bins]],
] as const)(
  "decoding equals softmax and expectation over hard logits, centres of %s",
  async (_, shapeOfCenters) => {
    type Decode = (z: Value, c: Value, scale: Value) => Value;
    const withGradients = (g: Graph, decode: Decode): Record<string, Value> => {
      const z = g.input("logits", [views, 4, 6, bins]);
      const c = g.input("centers", shapeOfCenters);
      const depth = decode(z, c, g.input("scale", [views]));
      const d_depth = g.input("d_depth", depth.shape);
      const gradients = backward(g, [[depth, d_depth]], [z, c]);
      return { depth, d_logits: gradients.get(z)!, d_centers: gradients.get(c)! };
    };
    const inputs = {
      logits: hardLogits(),
      centers: draw(shapeOfCenters, { kind: "uniform", low: 0.001, high: 1 }, 2),
      scale: [0.8, 1.3],
      d_depth: draw([views * pixels], { kind: "normal" }, 3),
    };
    const fused = await runGraph((g) => withGradients(g, binDecode), inputs);
    const unfused = await runGraph(
      (g) => withGradients(g, (z, c, scale) => binExpectation(softmaxBins(z), c, scale)),
      inputs,
    );
    for (let i = 0; i < views * pixels; i++) {
      expect(Math.abs(fused["depth"][i] - unfused["depth"][i])).toBeLessThan(1e-5);
    }
    for (const name of ["d_logits", "d_centers"]) {
      expect(apart(fused[name], unfused[name]), name).toBeLessThan(1e-4);
    }
  },
);

test("centres s times as far give depths s times as far, and so does the focal scale", async () => {
  const z = draw([1, 2, 3, 8], { kind: "normal", deviation: 4 }, 1);
  const c = draw([1, 2, 3, 8], { kind: "uniform", low: 0.1, high: 1 }, 2);
  const depths = await runGraph(
    (g) => {
      const logits = g.input("z", [1, 2, 3, 8]);
      const near = g.input("near", [1, 2, 3, 8]);
      return {
        near: binDecode(logits, near),
        far: binDecode(logits, g.input("far", [1, 2, 3, 8])),
        scaled: binDecode(logits, near, g.input("four", [1])),
      };
    },
    { z, near: c, far: c.map((v) => 4 * v), four: [4] },
  );
  const expected = depths["near"].map((d) => 4 * d);
  expect(depths["far"]).toEqual(expected);
  expect(depths["scaled"]).toEqual(expected);
});

/** |a - b| / |b|. */
function apart(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0];
  b.forEach((v, i) => {
    difference += (a[i] - v) ** 2;
    norm += v ** 2;
  });
  return Math.sqrt(difference / norm);
}

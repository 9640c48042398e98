// Depth from features: against its reference, its gradients, and against a convolution with a
// decode after it.
import { test } from "vitest";
import { hardLogits } from "../../src/distill/hard_rows.ts";
import { backward } from "../../src/graph/backward.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binHead } from "../../src/graph/ops/bin_head.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  binHead as binHeadKernel,
  binHeadGradFeatures,
  binHeadGradFeaturesRows,
  binHeadGradFeaturesSubgroup,
  binHeadGradWeight,
  binHeadGradWeightRows,
  binHeadGradWeightSubgroup,
  binHeadSubgroup,
} from "../../src/kernels/depth_bins/bin_head.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { expectSameBins } from "../support/expect_same_bins.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(binHeadKernel, ({ bias, scale, ...inputs }) =>
    binHead({ ...inputs, bias: present(bias), scale: present(scale) }),
  ),
  binHeadSubgroup,
  binHeadGradFeatures,
  binHeadGradFeaturesRows,
  binHeadGradFeaturesSubgroup,
  binHeadGradWeight,
  binHeadGradWeightRows,
  binHeadGradWeightSubgroup,
);

const views = 2;
const [height, width, channels] = [20, 26, 24];

test.each([
  ["random", draw([views, height, width, channels], { kind: "normal", deviation: 4 }, 1)],
  ["hard", hardLogits(views * height * width, channels).map((z) => z / 2)],
] as const)("over 1,040 rows it equals convolution and decode: %s features", async (_, x) => {
  const bins = 64;
  type Decode = (x: Value, w: Value, b: Value, c: Value, scale: Value) => Value;
  const withGradients = (g: Graph, decode: Decode): Record<string, Value> => {
    const of = [
      g.input("x", [views, height, width, channels]),
      g.input("w", [bins, 1, 1, channels]),
      g.input("b", [bins]),
      g.input("c", [views, 1, 1, bins]),
    ] as const;
    const depth = decode(...of, g.input("scale", [views]));
    const gradients = backward(g, [[depth, g.input("d_depth", depth.shape)]], of);
    return {
      depth,
      ...Object.fromEntries(of.map((value) => [`d_${value.name}`, gradients.get(value)!])),
    };
  };
  const inputs = {
    x,
    w: draw([bins, 1, 1, channels], { kind: "normal", deviation: 0.4 }, 2),
    b: draw([bins], { kind: "normal" }, 3),
    c: draw([views, 1, 1, bins], { kind: "uniform", low: 0.001, high: 1 }, 4),
    scale: [0.8, 1.3],
    d_depth: draw([views, height, width, 1], { kind: "normal" }, 5),
  };
  const fused = await runGraph(
    (g) =>
      withGradients(g, (features, weight, bias, centers, scale) =>
        binHead({ features, weight, bias, centers, scale }),
      ),
    inputs,
  );
  const unfused = await runGraph(
    (g) =>
      withGradients(g, (...[features, w, b, c, scale]) =>
        binDecode(conv2d(features, w, b, {}), c, scale),
      ),
    inputs,
  );
  expectSameBins(fused, unfused, ["depth"]);
});

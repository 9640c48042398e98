// Depth from a binomial over the bins: against its reference, its gradients, and against the path
// that stores the logits.
import { test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binomialDecode } from "../../src/graph/ops/binomial_decode.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  binomialDecode as binomialDecodeKernel,
  binomialDecodeRows,
} from "../../src/kernels/depth_bins/binomial_decode.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { expectSameBins } from "../support/expect_same_bins.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(
    binomialDecodeKernel,
    ({ pi, t, centers, scale }) => binomialDecode({ pi, t, centers, scale }),
    ["pi", "t", "scale"],
  ),
  binomialDecodeRows,
);

const bins = 128;
const one = [2, 20, 26, 1];
test.each([
  ["the pixel", [2, 20, 26, bins], 0.0212],
  ["the pixel", [2, 20, 26, bins], 50],
  ["the image", [2, 1, 1, bins], 0.0212],
  ["the image", [2, 1, 1, bins], 50],
  ["the rig", [1, 1, 1, bins], 50],
] as const)(
  "of 1,040 binomials it equals the stored logits, centres of %s, t from 0.0212 to %s",
  async (_, shape, high) => {
    type Decode = (pi: Value, t: Value, c: Value, scale: Value) => Value;
    const withGradients = (g: Graph, decode: Decode): Record<string, Value> => {
      const of = [g.input("pi", one), g.input("t", one), g.input("c", shape)] as const;
      const depth = decode(...of, g.input("scale", [2]));
      const gradients = backward(g, [[depth, g.input("d_depth", one)]], of);
      return {
        depth,
        ...Object.fromEntries(of.map((value) => [`d_${value.name}`, gradients.get(value)!])),
      };
    };
    const inputs = {
      pi: draw(one, { kind: "uniform", low: 0, high: 1 }, 1),
      t: draw(one, { kind: "uniform", low: 0.0212, high }, 2),
      c: draw(shape, { kind: "uniform", low: 0.001, high: 1 }, 3),
      scale: [0.8, 1.3],
      d_depth: draw(one, { kind: "normal" }, 4),
    };
    const fused = await runGraph(
      (g) => withGradients(g, (pi, t, centers, scale) => binomialDecode({ pi, t, centers, scale })),
      inputs,
    );
    const stored = await runGraph(
      (g) =>
        withGradients(g, (pi, t, c, scale) => binDecode(logBinomial(pi, t, { bins }), c, scale)),
      inputs,
    );
    expectSameBins(fused, stored, ["depth"]);
  },
);

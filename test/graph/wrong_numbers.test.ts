// Numbers of ops for programs that no type checker sees: a text, null or a big integer where an op
// takes a number is refused, on both paths, and never taken for a number.
import { expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, scaledNormal } from "../../src/graph/initializers.ts";
import { reshape } from "../../src/graph/apply.ts";
import { leakyRelu } from "../../src/graph/ops/activation.ts";
import { clamp, scaleBy, scaleShift } from "../../src/graph/ops/arithmetic.ts";
import { binCenters, seedCenters } from "../../src/graph/ops/bin_centers.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { pad, padReflect } from "../../src/graph/ops/pad.ts";
import { expand } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear } from "../../src/graph/ops/resize.ts";
import { transpose } from "../../src/graph/ops/slice.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { normalizeRows } from "../../src/graph/ops/view_relation.ts";
import type { Value } from "../../src/graph/value.ts";
import { logChoose } from "../../src/kernels/depth_bins/binomial_row.ts";
import { InputError } from "../../src/tensor/error.ts";

type Op = (x: Value, v: never, g: Graph) => Value;
const OPS: Readonly<Record<string, Op>> = {
  clamp: (x, v) => clamp(x, v, 3),
  scaleShift: (x, v) => scaleShift(x, 1, v),
  scaleBy: (x, v, g) => scaleBy(x, g.scalars(), v),
  leakyRelu: (x, v) => leakyRelu(x, v),
  normalizeRows: (x, v) => normalizeRows(x, v),
  softmaxBins: (x, v) => softmaxBins(x, v),
  binCenters: (x, v) => binCenters(x, v),
  seedCenters: (x, v) => seedCenters(x, "cumulative", v),
  padReflect: (x, v) => padReflect(x, v),
  pad: (x, v) => pad(x, [...[0, 1, 2].map(() => [0, 0] as const), [0, v]]),
  "pad with a value": (x, v) =>
    pad(
      x,
      [0, 1, 2, 3].map(() => [1, 1] as const),
      "constant",
      v,
    ),
  concat: (x, v) => concat([x, x], v),
  transpose: (x, v) => transpose(x, [0, 1, v, 3]),
  resizeBilinear: (x, v) => resizeBilinear(x, [v, 4], "half_pixel"),
  expand: (x, v) => expand(x, [v, 4, 4, 4]),
  reshape: (x, v) => reshape(x, [v, 32]),
};

const WRONG = [
  ["a text", "2"],
  ["null", null],
  ["a big integer", 2n],
  ["a list", [2]],
] as const;

test.each(
  Object.entries(OPS).flatMap(([name, op]) =>
    WRONG.map(([what, v]) => [name, what, op, v] as const),
  ),
)("%s refuses %s for a number", (_, _what, op, v) => {
  const run = (): unknown => {
    const g = graph();
    const y = op(g.input("x", [1, 4, 4, 4]), v as never, g);
    return runOnCpu(g, { outputs: { y } }, initialStore(g, 0), { x: new Float32Array(64) });
  };
  expect(run).toThrow();
  expect(run).not.toThrow(TypeError);
});

test.each([...WRONG, ["NaN", NaN], ["infinity", Infinity], ["nothing", undefined]] as const)(
  "initial values and counts of bins refuse %s",
  (_, v) => {
    for (const make of [constant, scaledNormal, logChoose]) {
      expect(() => make(v as never)).toThrow(InputError);
    }
  },
);

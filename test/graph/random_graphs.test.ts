// Random graphs on the GPU against the interpreter: whatever the planner shares, numbers and
// gradients are the same.
import { expect, test } from "vitest";
import { reshape } from "../../src/graph/apply.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { tanh } from "../../src/graph/ops/activation.ts";
import { binary, scaleBy, scaleShift } from "../../src/graph/ops/arithmetic.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { linear } from "../../src/graph/ops/gemm.ts";
import { expand, reduce } from "../../src/graph/ops/reduce.ts";
import { slice, transpose } from "../../src/graph/ops/slice.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { randomStream, type RandomStream } from "../../src/tensor/random.ts";
import { expectClose } from "../support/expect_close.ts";
import { gpu } from "../support/gpu.ts";

const ROWS = 6;
const COLUMNS = 10;
const STEPS = 25;

/** One more value of shape [6, 10] from those there are. */
function grow(g: Graph, random: RandomStream, values: readonly Value[]): Value {
  const any = (): Value => values[random.integer(values.length)];
  const weights = g.parameters.filter(({ name }) => name.startsWith("weight"));
  switch (random.integer(8)) {
    case 0:
      return binary(any(), any(), "add");
    case 1:
      return tanh(binary(any(), any(), "multiply"));
    case 2:
      return tanh(linear(any(), weights[random.integer(weights.length)]));
    case 3:
      return reshape(transpose(reshape(any(), [COLUMNS, ROWS]), [1, 0]), [ROWS, COLUMNS]);
    case 4:
      return scaleBy(any(), g.scalars(), g.scalar("factor"));
    case 5:
      return expand(reduce(any(), "mean", { axes: [0], keep: true }), [ROWS, COLUMNS]);
    case 6: {
      const joined = concat([any(), any(), any()], 0);
      return slice(joined, [random.integer(2 * ROWS), 0], [ROWS, COLUMNS]);
    }
    default:
      return scaleShift(any(), -0.5, 0.1);
  }
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))("graph %i", async (seed) => {
  const g = graph();
  const random = randomStream(seed);
  const values = [g.input("x", [ROWS, COLUMNS])];
  for (const i of [0, 1]) {
    g.parameter(`weight${i}`, [COLUMNS, COLUMNS], (shape) => draw(shape, { kind: "normal" }, i));
    values.push(g.parameter(`map${i}`, [ROWS, COLUMNS], constant(0.3 + i)));
  }
  for (let step = 0; step < STEPS; step++) values.push(grow(g, random, values));
  // every parameter has a part in the loss; a few values on the way are wanted too
  const ends = [...values.slice(-4), ...g.parameters.map((p) => linear(values[0], p))];
  const loss = ends.map((end) => reduce(tanh(end), "mean")).reduce((a, b) => binary(a, b, "add"));
  const wanted = [0, 1, 2].map(() => values[random.integer(values.length)]);
  const gradients = g.gradients(loss);
  const outputs = { loss, ...Object.fromEntries(wanted.map((value, i) => [`v${i}`, value])) };
  const request = { outputs, gradients };

  const inputs = { x: draw([ROWS, COLUMNS], { kind: "normal" }, seed) };
  const scalars = { factor: 0.7 };
  const cpu = initialStore(g, 1);
  const want = runOnCpu(g, request, cpu, inputs, scalars);
  const store = createStore(gpu, g, cpu);
  const plan = await compile(gpu, g, request, store);
  const got = await plan.run(inputs, scalars);
  const again = await plan.run(inputs, scalars);
  const { arenas } = await store.read();
  plan.destroy();
  store.destroy();
  expect(again).toEqual(got);
  expectClose(got, want);
  expectClose({ gradients: arenas.gradients }, { gradients: cpu.arenas.gradients });
});

// Attention and its gradients against their references, in every mapping that this adapter runs.
import { expect, test } from "vitest";
import { attention as attentionOf } from "../../src/graph/ops/attention.ts";
import {
  attention,
  attentionBroadcast,
  attentionGradKv,
  attentionGradKvBroadcast,
  attentionGradKvRows,
  attentionGradKvSubgroup,
  attentionGradQ,
  attentionGradQBroadcast,
  attentionGradQRows,
  attentionGradQSubgroup,
  attentionGradStats,
  attentionRows,
  attentionSubgroup,
} from "../../src/kernels/attention/attention.ts";
import {
  attentionProblem,
  type AttentionAttributes,
} from "../../src/kernels/attention/attention_problem.ts";
import { checkCase } from "../../src/kernels/check/check.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { runKernel } from "../../src/engine/run.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels, expectRight } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(attention, ({ q, k, v, mask }, { kv_heads, ...options }) =>
    attentionOf(q, k, v, { ...options, kvHeads: kv_heads, mask: present(mask) }),
  ),
  attentionBroadcast,
  attentionSubgroup,
  attentionRows,
  attentionGradStats,
);
checkKernels(
  attentionGradQ,
  attentionGradQBroadcast,
  attentionGradQSubgroup,
  attentionGradQRows,
  attentionGradKv,
  attentionGradKvBroadcast,
  attentionGradKvSubgroup,
  attentionGradKvRows,
);

const plain: AttentionAttributes = {
  heads: 1,
  kv_heads: 1,
  scale: 0.5,
  causal: false,
  softcap: 0,
};

// 5 keys of which a mask of all heads and queries excludes the second and the last
const whole = { q: [1, 3, 4], k: [1, 5, 4], v: [1, 5, 4], mask: [1, 1, 1, 5] };
const seen = { ...whole, k: [1, 3, 4], v: [1, 3, 4], mask: [0] };
const rowsSeen = [0, 2, 3];
const inputs = {
  q: draw(whole.q, { kind: "normal" }, 1),
  k: draw(whole.k, { kind: "normal" }, 2),
  v: draw(whole.v, { kind: "normal" }, 3),
  mask: Float32Array.of(0, -1e30, 0, 0, -3e38),
  stats: draw([1, 1, 3, 2], { kind: "uniform", low: 1, high: 2 }, 4),
  d_y: draw(whole.q, { kind: "normal" }, 5),
};
const saved = { stats: [1, 1, 3, 2], d_y: whole.q };
const runsHere = (kernel: AnyKernel): boolean => canRun(kernel, gpu.facts, whole, plain);
const keep = (x: Float32Array): Float32Array =>
  Float32Array.from(rowsSeen.flatMap((row) => [...x.subarray(4 * row, 4 * row + 4)]));

const forwards: readonly AnyKernel[] = [
  attention,
  attentionBroadcast,
  attentionRows,
  attentionSubgroup,
];
for (const kernel of forwards) {
  test.skipIf(!runsHere(kernel))(
    `${kernel.shader.name}: an excluded key is as if it were not there`,
    async () => {
      const fewer = { ...inputs, k: keep(inputs.k), v: keep(inputs.v), mask: new Float32Array(0) };
      const got = await runKernel(gpu, kernel, inputs, whole, plain);
      const want = await runKernel(gpu, kernel, fewer, seen, plain);
      got["y"].forEach((value, i) => expect(value).toBeCloseTo(want["y"][i], 5));
    },
  );
}
const gradients: readonly AnyKernel[] = [
  attentionGradQ,
  attentionGradQBroadcast,
  attentionGradQRows,
  attentionGradQSubgroup,
  attentionGradKv,
  attentionGradKvBroadcast,
  attentionGradKvRows,
  attentionGradKvSubgroup,
];
for (const kernel of gradients) {
  test.skipIf(!runsHere(kernel))(
    `${kernel.shader.name}: an excluded key is as if it were not there`,
    async () => {
      const fewer = { ...inputs, k: keep(inputs.k), v: keep(inputs.v), mask: new Float32Array(0) };
      const got = await runKernel(gpu, kernel, inputs, { ...whole, ...saved }, plain);
      const want = await runKernel(gpu, kernel, fewer, { ...seen, ...saved }, plain);
      for (const [name, values] of Object.entries(got)) {
        const kept = name === "d_q" ? values : keep(values);
        kept.forEach((value, i) => expect(value).toBeCloseTo(want[name][i], 4));
        if (name === "d_q") continue;
        expect([...values.subarray(4, 8), ...values.subarray(16)]).toEqual(Array(8).fill(0));
      }
    },
  );
}

test("equal keys give the mean of the values", async () => {
  const k = Float32Array.from({ length: 20 }, (_, i) => inputs.k[i % 4]);
  const { y } = await runKernel(
    gpu,
    attention,
    { ...inputs, k, mask: new Float32Array(0) },
    { ...whole, mask: [0] },
    plain,
  );
  for (let e = 0; e < 12; e++) {
    let mean = 0;
    for (let t = 0; t < 5; t++) mean += inputs.v[4 * t + (e % 4)] / 5;
    expect(y[e]).toBeCloseTo(mean, 5);
  }
});

// rows of registers and tiles of keys are made for the width; those between take lavapipe 15 s each
const widths: readonly (readonly [number, number])[] = gpu.facts.software
  ? [
      [3, 253],
      [256, 256],
    ]
  : [4, 8, 13, 29, 61, 125, 253].flatMap((width) => [
      [width, width],
      [width, 3],
      [3, width],
    ]);
const wideKernels: readonly AnyKernel[] = [
  attention,
  attentionSubgroup,
  attentionGradQ,
  attentionGradQSubgroup,
  attentionGradKv,
  attentionGradKvSubgroup,
];
const broadcastKernels = [attentionBroadcast, attentionGradQBroadcast, attentionGradKvBroadcast];
test.each([
  ...widths.map(([width, values]) => [width, values, wideKernels] as const),
  // a row that is no power of two, and one of two vectors per lane
  [24, 64, broadcastKernels] as const,
])("heads of %i, values of %i", async (width, value_width, some) => {
  const attributes: AttentionAttributes = { ...plain, heads: 2, scale: 0.1 };
  const shapes: Readonly<Record<string, Shape>> = {
    q: [1, 9, 2 * width],
    k: [1, 21, width],
    v: [1, 21, value_width],
    mask: [0],
    stats: [1, 2, 9, 2],
    d_y: [1, 9, 2 * value_width],
  };
  for (const kernel of some) {
    if (!canRun(kernel, gpu.facts, shapes, attributes)) continue;
    const read = kernel.shader.bindings.filter(({ access }) => access === "read");
    const own = Object.fromEntries(read.map(({ name }) => [name, shapes[name]]));
    const { data } = kernel.cases[0];
    const problem = { name: "wide", shapes: own, attributes, data };
    expectRight(problem, await checkCase(gpu, kernel, problem));
  }
});

test("operands that do not fit are refused with their numbers", () => {
  const refuse = (shapes: Partial<typeof whole>, attributes: object, message: RegExp): void => {
    expect(() => attentionProblem({ ...seen, ...shapes }, { ...plain, ...attributes })).toThrow(
      message,
    );
  };
  refuse({ v: [1, 4, 4] }, {}, /v\[1, 4, 4\] must have one batch/);
  refuse({}, { heads: 3 }, /do not split into 3 heads/);
  refuse({}, { heads: 4, kv_heads: 3 }, /4 heads cannot share 3/);
  refuse({ mask: [1, 1, 2, 3] }, {}, /mask\[1, 1, 2, 3\] must be \[1, 1, 3, 3\]/);
  refuse({ q: [1, 3, 300], k: [1, 3, 300] }, {}, /wider than 256/);
});

// The training loop: against PyTorch's steps, resumed, saved, and what it refuses.
import { expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../../src/formats/safetensors.ts";
import { graph, type Graph } from "../../../src/graph/graph.ts";
import { given, heNormal } from "../../../src/graph/initializers.ts";
import { crossEntropy, mse } from "../../../src/graph/losses.ts";
import { relu } from "../../../src/graph/ops/activation.ts";
import { add, multiply, scaleShift, subtract } from "../../../src/graph/ops/arithmetic.ts";
import { dropout } from "../../../src/graph/ops/dropout.ts";
import { linear } from "../../../src/graph/ops/gemm.ts";
import { batchNorm } from "../../../src/graph/ops/norm.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { slice } from "../../../src/graph/ops/slice.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import { cosineRate } from "../../../src/graph/training/schedule.ts";
import { trainer, type Trainer, type TrainerOptions } from "../../../src/graph/training/trainer.ts";
import { InputError, NonFiniteError } from "../../../src/tensor/error.ts";
import { gpu } from "../../support/gpu.ts";

/** (p - [1, 3])^2, mean, + 0.1 |p_0 p_1|, from [2, -1]. */
function valley(g: Graph): TrainerOptions {
  const p = g.parameter("p", [2], given(Float32Array.of(2, -1)));
  const aim = g.constant("aim", [2], Float32Array.of(1, 3));
  const [first, second] = [0, 1].map((i) => slice(p, [i], [1]));
  const bend = unary(multiply(first, second), "abs");
  const loss = add(mse(p, aim), scaleShift(reduce(bend, "sum"), 0.1, 0));
  return { loss, learning_rate: 0.1 };
}

test.each([
  [false, [1.1027616262435913, 2.1569032669067383], 1.9773566722869873],
  [true, [0.939058780670166, 2.644399404525757], 1.0085208415985107],
])("four steps of gradient descent are PyTorch's, nesterov %s", async (nesterov, p, last) => {
  const g = graph();
  const optimizer = { kind: "sgd", momentum: 0.9, nesterov, weight_decay: 0.05 } as const;
  const training = await trainer(gpu, g, { ...valley(g), optimizer });
  let loss = NaN;
  for (let i = 0; i < 4; i++) ({ loss } = await training.step({}));
  const [{ data }] = await training.parameters();
  expect(loss).toBeCloseTo(last, 5);
  expect(data[0]).toBeCloseTo(p[0], 5);
  expect(data[1]).toBeCloseTo(p[1], 5);
  training.destroy();
});

const x = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * 1.7));
const labels = Float32Array.from({ length: 16 }, (_, i) => (x[4 * i] > x[4 * i + 1] ? 1 : 0));

/** Two layers that tell which of two numbers is larger. */
async function classifier(more: Partial<TrainerOptions> = {}): Promise<Trainer> {
  const g = graph();
  const hidden = relu(linear(g.input("x", [16, 4]), g.parameter("w1", [8, 4], heNormal)));
  const dropped = dropout(g, hidden, 0.25);
  const logits = linear(dropped, g.parameter("w2", [2, 8], heNormal));
  const loss = crossEntropy(logits, g.input("labels", [16]));
  return await trainer(gpu, g, {
    loss,
    outputs: { logits },
    learning_rate: cosineRate(0.05, 60),
    max_norm: 1,
    seed: 3,
    ...more,
  });
}

test("a classifier learns; predictions need no label and know no dropout", async () => {
  const training = await classifier();
  const first = await training.step({ x, labels });
  expect(first.step).toBe(1);
  expect(first.learning_rate).toBe(0.05);
  expect(first.gradient_norm).toBeGreaterThan(0);
  expect(first.outputs["logits"].length).toBe(32);
  for (let i = 0; i < 59; i++) await training.step({ x, labels });
  const { logits } = await training.predict({ x });
  const right = labels.filter((label, i) => logits[2 * i + 1] > logits[2 * i] === (label === 1));
  expect(right.length).toBeGreaterThan(13);
  expect((await training.predict({ x }))["logits"]).toEqual(logits);
  training.destroy();
});

test("a loaded trainer continues with the same bits, dropout and schedule included", async () => {
  const whole = await classifier();
  for (let i = 0; i < 3; i++) await whole.step({ x, labels });
  const file = await whole.save();
  for (let i = 0; i < 3; i++) await whole.step({ x, labels });
  const resumed = await classifier({ seed: 4 });
  await resumed.load(file, "half.safetensors");
  expect(resumed.steps).toBe(3);
  for (let i = 0; i < 3; i++) await resumed.step({ x, labels });
  expect(await resumed.save()).toEqual(await whole.save());
  // weights alone: no moments, no steps
  await resumed.load(writeSafetensors(await whole.parameters()));
  expect(resumed.steps).toBe(0);
  expect(await resumed.parameters()).toEqual(await whole.parameters());
  const { metadata, tensors } = readSafetensors(file, "file");
  expect(metadata["steps"]).toBe("3");
  expect(tensors.get("first_moments/w2")?.shape).toEqual([2, 8]);
  whole.destroy();
  resumed.destroy();
});

test("files that do not fit are refused by tensor, and change nothing", async () => {
  const training = await classifier();
  const before = await training.save();
  const own = await training.parameters();
  const [w1, w2] = own;
  const refused = async (tensors: Parameters<typeof writeSafetensors>[0], why: string) => {
    await expect(training.load(writeSafetensors(tensors), "f")).rejects.toThrow(why);
  };
  await refused([w1], "f: tensor w2[2, 8] is missing");
  await refused([...own, { ...w1, name: "w3" }], "f: tensor w3 is not in the graph");
  await refused([w1, { ...w2, shape: [8, 2] }], "f: tensor w2 is F32 [8, 2]; expected F32 [2, 8]");
  const bad = { ...w2, data: new Float32Array(16).fill(NaN) };
  await refused([w1, bad], "f: tensor w2 has NaN at index 0");
  const list = new Int32Array(16);
  await refused([w1, { ...w2, data: list }], "f: tensor w2 is I32 [2, 8]");
  expect(await training.save()).toEqual(before);
  training.destroy();
});

test("a gradient that is not finite throws, changes no parameter and counts as no step", async () => {
  const training = await classifier();
  const before = await training.save();
  const bad = x.with(5, NaN);
  await expect(training.step({ x: bad, labels })).rejects.toThrow(NonFiniteError);
  expect(await training.save()).toEqual(before);
  expect(training.steps).toBe(0);
  await training.step({ x, labels });
  expect(training.steps).toBe(1);
  training.destroy();
});

test("clipping bounds the step, and the norm is told as it was", async () => {
  const p = async (max_norm: number): Promise<readonly [number, number]> => {
    const g = graph();
    const optimizer = { kind: "sgd" } as const;
    const training = await trainer(gpu, g, { ...valley(g), optimizer, max_norm });
    const { gradient_norm } = await training.step({});
    const [{ data }] = await training.parameters();
    training.destroy();
    return [Math.hypot(Number(data[0]) - 2, Number(data[1]) + 1), gradient_norm];
  };
  const [free, norm] = await p(0);
  expect(free).toBeCloseTo(0.1 * norm, 5);
  expect(await p(0.5)).toEqual([expect.closeTo(0.05, 5), norm]);
});

test("calls that overlap, unknown names and lengths are refused, with nothing changed", async () => {
  const training = await classifier();
  const running = training.step({ x, labels });
  await expect(training.step({ x, labels })).rejects.toThrow("await its last call first");
  await running;
  await expect(training.step({ x })).rejects.toThrow("input labels[16] needs 16 numbers");
  await expect(training.step({ x, labels, y: x })).rejects.toThrow("no input called y");
  await expect(training.step({ x, labels }, { learning_rate: 1 })).rejects.toThrow("leave it out");
  await expect(training.predict({})).rejects.toThrow("input x[16, 4] needs 64 numbers");
  await expect(training.step({ x, labels: "1" } as never)).rejects.toThrow(InputError);
  expect(training.steps).toBe(1);
  training.destroy();
});

test("options that are unknown or do not fit are refused by name", async () => {
  const g = graph();
  const ok = valley(g);
  const refused = async (options: object, why: string): Promise<void> => {
    await expect(trainer(gpu, g, options as TrainerOptions)).rejects.toThrow(why);
  };
  await refused({ ...ok, lr: 1 }, "trainer: unknown option lr");
  await refused({ ...ok, max_norm: -1 }, "max_norm is -1");
  await refused({ ...ok, learning_rate: "1e-3" }, "the learning rate is a string");
  await refused({ ...ok, optimizer: { kind: "adam" } }, "kind is adam; expected adamw, sgd");
  await refused({ ...ok, optimizer: { kind: "sgd", beta1: 1 } }, "unknown option beta1");
  await refused({ ...ok, optimizer: { kind: "adamw", beta1: 1 } }, "beta1 is 1");
  await refused({ ...ok, outputs: { loss: ok.loss } }, "choose another name");
  await refused({ ...ok, compile: { fuse: false } }, "compile: unknown option fuse");
  await refused({ learning_rate: 1 }, "trainer: loss is undefined");
  await refused({ ...ok, loss: g.input("x", [2]) }, "is not one number");
  const other = graph();
  await refused({ ...ok, loss: other.input("x", [1]) }, "expected a value of this graph");
  (await trainer(gpu, g, ok)).destroy();
  await refused(ok, "the graph has an update already");
});

test("a prediction never moves running statistics", async () => {
  const g = graph();
  const ones = given(new Float32Array(3).fill(1));
  const inputs = {
    x: g.input("x", [1, 2, 2, 3]),
    gamma: g.parameter("gamma", [3], ones),
    beta: g.parameter("beta", [3], ones),
    running_mean: g.state("running_mean", [3], 0),
    running_variance: g.state("running_variance", [3], 1),
  };
  const y = batchNorm(inputs, { training: true, epsilon: 1e-5, momentum: 0.1 });
  const error = subtract(y, g.input("t", y.shape));
  const options = { loss: reduce(multiply(error, error), "mean"), outputs: { y } };
  const training = await trainer(gpu, g, { ...options, learning_rate: 0.1 });
  await training.step({ x: x.subarray(0, 12), t: x.subarray(12, 24) });
  await expect(training.predict({ x: x.subarray(0, 12) })).rejects.toThrow(
    "changes the state running_mean; build another graph",
  );
  training.destroy();
});

// Attention between ring neighbours: equals its definition, sees the views that it should, has the
// gradient of central differences, and changes nothing where it is not asked for.
import { describe, expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { neighbourAttention } from "../../src/student/neighbour_attention.ts";
import { student, STUDENTS } from "../../src/student/student.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { headOf } from "../../src/train/head.ts";
import { predictionNetwork, trainingNetwork } from "../../src/train/network.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { bothPaths } from "../support/both_paths.ts";

const [HEIGHT, WIDTH, CHANNELS, HEADS] = [2, 3, 10, 2];
const PLANE = HEIGHT * WIDTH * CHANNELS;

interface Built {
  readonly g: Graph;
  readonly y: Value;
  readonly store: CpuStore;
}

/** The block over `views` views, every parameter random. */
function build(views: number): Built {
  const g = graph();
  const x = g.input("x", [views, HEIGHT, WIDTH, CHANNELS]);
  const y = neighbourAttention(g, "a", x, HEADS);
  const store = initialStore(g, 1);
  for (const [i, { offset, size }] of store.layout.slots.entries()) {
    const random = randomStream(7, i);
    for (let at = 0; at < size; at++) {
      store.arenas.parameters[offset + at] = Math.fround(0.5 * random.normal());
    }
  }
  return { g, y, store };
}

const inputOf = (views: number): Float64Array =>
  Float64Array.from(draw([views, HEIGHT, WIDTH, CHANNELS], { kind: "normal" }, views));

const run = ({ g, y, store }: Built, x: Float64Array): Float64Array =>
  runOnCpu(g, { outputs: { y } }, store, { x })["y"];

/** The block by its formula, in loops over single numbers. */
function reference({ store }: Built, x: Float64Array, views: number): Float64Array {
  const parameter = (name: string): Float64Array => {
    const { offset, size } = store.layout.byName.get(`a.${name}`)!;
    return store.arenas.parameters.subarray(offset, offset + size);
  };
  const tokens = HEIGHT * WIDTH;
  const width = CHANNELS / HEADS;
  const row = (v: number, n: number): number[] => [
    ...x.subarray((v * tokens + n) * CHANNELS, (v * tokens + n + 1) * CHANNELS),
  ];
  const normed = (v: number, n: number): number[] => {
    const values = row(v, n);
    const mean = values.reduce((a, b) => a + b) / CHANNELS;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / CHANNELS;
    return values.map(
      (one, c) =>
        ((one - mean) / Math.sqrt(variance + 1e-5)) * parameter("norm.weight")[c] +
        parameter("norm.bias")[c],
    );
  };
  const code = (n: number): number[] => {
    const [u, w] = [((n % WIDTH) + 0.5) / WIDTH, (Math.floor(n / WIDTH) + 0.5) / HEIGHT];
    const turns = [Math.PI, 16 * Math.PI];
    return [
      ...turns.map((turn) => Math.sin(u * turn)),
      ...turns.map((turn) => Math.cos(u * turn)),
      ...turns.map((turn) => Math.sin(w * turn)),
      ...turns.map((turn) => Math.cos(w * turn)),
      0,
      0,
    ].map(Math.fround);
  };
  const times = (matrix: string, vector: readonly number[]): number[] =>
    Array.from({ length: CHANNELS }, (_, o) =>
      vector.reduce((sum, one, c) => sum + parameter(matrix)[o * CHANNELS + c] * one, 0),
    );
  const placed = (v: number, n: number): number[] => {
    const p = code(n);
    return normed(v, n).map((one, c) => one + p[c]);
  };
  /** The views that one sees, with the row of the relation. */
  const seen = (v: number): [number, number][] => {
    if (views === 1) return [[0, 1]];
    const self: [number, number] = [v, 1];
    if (views === 2) return [self, [1 - v, v === 0 ? 2 : 0]];
    return [self, [(v + 1) % views, 2], [(v + views - 1) % views, 0]];
  };
  const y = new Float64Array(x.length);
  for (let v = 0; v < views; v++) {
    const keys = seen(v).flatMap(([other, relation]) =>
      Array.from({ length: tokens }, (_, n) => ({
        key: times("key.weight", placed(other, n)).map(
          (one, c) => one + parameter("relation.weight")[relation * CHANNELS + c],
        ),
        value: times("value.weight", normed(other, n)),
      })),
    );
    for (let n = 0; n < tokens; n++) {
      const query = times("query.weight", placed(v, n));
      const joined = Array.from({ length: CHANNELS }, () => 0);
      for (let head = 0; head < HEADS; head++) {
        const channels = Array.from({ length: width }, (_, c) => head * width + c);
        const weights = keys.map(({ key }) =>
          Math.exp(channels.reduce((sum, c) => sum + query[c] * key[c], 0) / Math.sqrt(width)),
        );
        const total = weights.reduce((a, b) => a + b);
        for (const c of channels) {
          joined[c] = keys.reduce((sum, { value }, k) => sum + weights[k] * value[c], 0) / total;
        }
      }
      const out = times("output.weight", joined);
      for (let c = 0; c < CHANNELS; c++) {
        const at = (v * tokens + n) * CHANNELS + c;
        y[at] = x[at] + out[c] + parameter("output.bias")[c];
      }
    }
  }
  return y;
}

describe.each([1, 2, 3, 6])("%i views", (views) => {
  test("equal the definition", () => {
    const built = build(views);
    const x = inputOf(views);
    const [got, want] = [run(built, x), reference(built, x, views)];
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i])), 0);
    expect(worst).toBeLessThan(1e-12);
  });

  test("see themselves and their two neighbours", () => {
    const built = build(views);
    const x = inputOf(views);
    const before = run(built, x);
    for (let changed = 0; changed < views; changed++) {
      const other = x.map((value, i) => (Math.floor(i / PLANE) === changed ? -value : value));
      const after = run(built, other);
      const differs = Array.from({ length: views }, (_, v) =>
        after
          .subarray(v * PLANE, (v + 1) * PLANE)
          .some((value, i) => value !== before[v * PLANE + i]),
      );
      const apart = (v: number): number =>
        Math.min((v - changed + views) % views, (changed - v + views) % views);
      expect(differs).toEqual(differs.map((_, v) => apart(v) <= 1));
    }
  });

  checkGradient(`attention of ${views} views with respect to features`, (g) => {
    const x = g.input("x", [views, HEIGHT, WIDTH, CHANNELS]);
    return { output: neighbourAttention(g, "a", x, HEADS), wrt: [x] };
  });

  test("have the gradient of central differences with respect to every parameter", () => {
    const { g, y, store } = build(views);
    const seed = draw(y.shape, { kind: "normal" }, 5);
    const gradients = backward(g, [[y, g.constant("seed", y.shape, seed)]], g.parameters);
    const outputs = Object.fromEntries(g.parameters.map((one) => [one.name, gradients.get(one)!]));
    const x = inputOf(views);
    const got = runOnCpu(g, { outputs }, store, { x });
    const loss = (): number => run({ g, y, store }, x).reduce((sum, v, i) => sum + v * seed[i], 0);
    for (const { name, offset, size } of store.layout.slots) {
      const random = randomStream(11, offset);
      const direction = Float64Array.from({ length: size }, () => random.normal());
      const values = store.arenas.parameters;
      const kept = values.slice();
      const at = (step: number): number => {
        for (let i = 0; i < size; i++) values[offset + i] = kept[offset + i] + step * direction[i];
        const found = loss();
        values.set(kept);
        return found;
      };
      const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
      const projected = got[name].reduce((sum, v, i) => sum + v * direction[i], 0);
      expect(Math.abs(projected - slope), name).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
    }
  });
});

test("the adapter computes the same, with gradients, as the references", async () => {
  const outcome = await bothPaths(
    (make, g) => ({ y: neighbourAttention(g, "a", make("x", [3, 3, 5, 16]), 2) }),
    ["x"],
  );
  expect(outcome).toEqual({ kind: "equal" });
});

test("a ring that is turned gives the same, turned", () => {
  const built = build(5);
  const x = inputOf(5);
  const turned = Float64Array.from(x, (_, i) => x[(i + PLANE) % x.length]);
  const [plain, other] = [run(built, x), run(built, turned)];
  const worst = other.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - plain[(i + PLANE) % x.length])),
    0,
  );
  expect(worst).toBeLessThan(1e-12);
});

test.each([2, 3])("two rings of %i views in one batch do not see each other", (views) => {
  const one = build(views);
  const g = graph();
  const input = g.input("x", [2 * views, HEIGHT, WIDTH, CHANNELS]);
  const y = neighbourAttention(g, "a", input, HEADS, 2);
  const x = inputOf(2 * views);
  const half = x.length / 2;
  const got = run({ g, y, store: one.store }, x);
  expect(got.subarray(0, half)).toEqual(run(one, x.slice(0, half)));
  expect(got.subarray(half)).toEqual(run(one, x.slice(half)));
  expect(() => neighbourAttention(g, "b", input, HEADS, 5)).toThrow(
    "are not those of 5 equal rings",
  );
});

test("heads that do not divide the channels are refused", () => {
  const g = graph();
  const x = g.input("x", [2, 1, 1, 10]);
  expect(() => neighbourAttention(g, "a", x, 3)).toThrow(
    "a: 10 channels do not split into 3 heads",
  );
});

describe.each(STUDENTS)("%s", (name) => {
  const parametersOf = (attention: "none" | "neighbours", views: number): string[] => {
    const g = graph();
    const config = resolveConfig({ student: name }, "test");
    const images = g.input("images", [views, 64, 64, 4]);
    const focal = g.input("focal_scale", [views]);
    student(g, name, headOf(config, 80), images, focal, true, { attention });
    return g.parameters.map((one) => `${one.name} ${one.shape.join("x")}`);
  };

  test("has the parameters of attention besides all others, whatever the number of views", () => {
    const [none, six] = [parametersOf("none", 6), parametersOf("neighbours", 6)];
    const own = six.filter((one) => one.startsWith("attention."));
    expect(six.filter((one) => !one.startsWith("attention."))).toEqual(none);
    expect(own).toHaveLength(2 * 8);
    for (const views of [1, 2, 3]) expect(parametersOf("neighbours", views)).toEqual(six);
  });
});

describe("a run", () => {
  const shape = (views: number) =>
    ({ views, size: { height: 32, width: 32 }, depth_max_m: 80, teacher: null }) as const;
  const attended = resolveConfig({ student_attention: "neighbours" }, "test");

  test("has no attention by default, and files of earlier versions have none", () => {
    const config = resolveConfig({}, "test");
    expect(config.student_attention).toBe("none");
    const { g } = trainingNetwork(config, shape(2));
    expect(g.nodes.filter(({ op }) => op.name === "attention")).toEqual([]);
  });

  test.each([1, 2, 3])("of %i views trains and predicts with attention at two scales", (views) => {
    const training = trainingNetwork(attended, shape(views));
    const prediction = predictionNetwork(attended, shape(views));
    for (const { g } of [training, prediction]) {
      expect(g.nodes.filter(({ op }) => op.name === "attention")).toHaveLength(2);
    }
    const names = (g: Graph): string[] => g.parameters.map((one) => one.name);
    expect(names(prediction.g)).toEqual(names(training.g));
    expect(training.gradients.size).toBe(training.g.parameters.length);
  });

  test("starts with the numbers of one without attention, where both have them", () => {
    const plain = initialStore(trainingNetwork(resolveConfig({}, "test"), shape(3)).g, 4);
    const other = initialStore(trainingNetwork(attended, shape(3)).g, 4);
    for (const { name, offset, size } of plain.layout.slots) {
      const at = other.layout.byName.get(name)!.offset;
      const own = other.arenas.parameters.subarray(at, at + size);
      const wanted = plain.arenas.parameters.subarray(offset, offset + size);
      expect(
        own.every((value, i) => value === wanted[i]),
        name,
      ).toBe(true);
    }
  });
});

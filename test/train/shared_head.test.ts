// A student whose bin head is that of a fitted teacher: what trains, what stays, its file without the
// module, and modules that do not fit.
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { parseRows } from "../../src/ablate/rows.ts";
import { planAblation } from "../../src/ablate/plan.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { lossNetwork, trainingNetwork } from "../../src/train/network.ts";
import { firstBatch } from "../../src/train/network_check.ts";
import { loadPredictor } from "../../src/train/predictor.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { openRunTeacher } from "../../src/train/source.ts";
import { readModule, readStudent, writeStudent } from "../../src/train/student_file.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { fitConfig } from "../../src/train/teacher/fit.ts";
import { moduleNetwork } from "../../src/train/teacher/module_network.ts";
import { takeSharedHead } from "../../src/train/teacher/shared_head.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const source = tinySource("train");
const VIEWS = source.cameras.length;
const CAP_M = source.protocol.cap_m;
let root = "";
const at = (name: string): string => join(root, name);
type Keys = Record<string, unknown>;

/** Writes a module with its initial values, as good as a trained one here. */
async function writeModule(name: string, keys: Keys = {}, depth_max_m = CAP_M): Promise<string> {
  const config = fitConfig(tinyConfig({ seed: 5, ...keys }));
  const { g } = moduleNetwork(config, { views: 1, size: config.size, depth_max_m });
  const about = { base: tinyTeacher.name };
  const trained = { config, depth_max_m, steps: 1, origin: await originOf(source) };
  await writeStudent(at(name), initialStore(g, config.seed), trained, about, "teacher");
  return at(name);
}

const shared = (more: Keys = {}, teacher: Keys = {}): TrainConfig =>
  tinyConfig({
    steps: 2,
    size: { height: 32, width: 32 },
    loss: { relation_grid: [1, 2] },
    ...more,
    teacher: { kind: "fitted", base: "builtin", module: at("nano"), shared: true, ...teacher },
  });

async function run(
  out: string,
  config: TrainConfig,
  more: Partial<TrainingRun> = {},
): Promise<TrainedRun> {
  const teacher = await openRunTeacher({ ...config, data: "rig" }, { gpu: () => gpu, source });
  return await train({ gpu, config, source, teacher, out: at(out), resume: false, ...more });
}

/** The values of a store by the names of its parameters. */
function parameters(
  { layout, arenas }: CpuStore,
  arena: "parameters" | "gradients" = "parameters",
): Map<string, Float64Array> {
  return new Map(
    layout.slots.map(({ name, offset, size }) => [
      name,
      arenas[arena].slice(offset, offset + size),
    ]),
  );
}

async function moduleHead(): Promise<Map<string, Float64Array>> {
  const { config, load } = await readModule(at("nano"));
  const store = initialStore(
    moduleNetwork(config, { views: 1, size: config.size, depth_max_m: CAP_M }).g,
    0,
  );
  load(store);
  return new Map([...parameters(store)].filter(([name]) => name.startsWith("head.")));
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-shared-"));
  await writeModule("nano");
});
afterAll(() => rmSync(root, { recursive: true }));

const SHAPE = { views: VIEWS, size: { height: 32, width: 32 }, depth_max_m: CAP_M };

test.each([
  ["frozen", 0],
  ["trained", 1],
] as const)(
  "a %s head: gradients reach what trains and nothing else",
  async (shared_head, most) => {
    const config = shared({}, { shared_head });
    const teacher = await openRunTeacher({ ...config, data: "rig" }, { gpu: () => gpu, source });
    const { g, request } = lossNetwork(config, { ...SHAPE, teacher: teacher!.parts });
    const store = initialStore(g, 0);
    await takeSharedHead(config, source, store);
    const batch = await firstBatch({ config, source, teacher });
    runOnCpu(g, request, store, batch, stepScalars(config, config.steps));
    const found = { head: [0, 0], other: [0, 0] };
    for (const [name, values] of parameters(store, "gradients")) {
      const counts = name.startsWith("head.") ? found.head : found.other;
      counts[values.some((value) => value !== 0) ? 1 : 0]++;
    }
    expect(found.other[0]).toBe(0);
    expect(found.head[1 - most]).toBe(0);
    expect([...parameters(store).keys()].filter((name) => name.startsWith("adapter."))).toEqual([
      "adapter.relative.weight",
      "adapter.relative.bias",
    ]);
    const twin = trainingNetwork(config, { ...SHAPE, teacher: teacher!.parts });
    expect(twin.gradients.size).toBe(
      most === 1 ? g.parameters.length : g.parameters.length - found.head[0],
    );
  },
);

test("twenty steps leave a frozen head as the module has it; a trained one begins there", async () => {
  const head = await moduleHead();
  const [before, after] = [new Map<string, Float64Array>(), new Map<string, Float64Array>()];
  const initial = initialStore(lossNetwork(shared(), { ...SHAPE, teacher: null }).g, 0);
  await takeSharedHead(shared(), source, initial);
  for (const [name, values] of parameters(initial)) before.set(name, values);
  const trained = await run("frozen", shared({ steps: 20 }));
  for (const [name, values] of parameters(await trained.store.read())) after.set(name, values);
  await trained.close();
  for (const [name, values] of after) {
    const start = before.get(name)!;
    const isHead = name.startsWith("head.");
    if (isHead) expect(start, name).toEqual(head.get(name));
    if (isHead) expect(values, name).toEqual(start);
    else expect(values, name).not.toEqual(start);
  }
  const free = await run("trained", shared({ steps: 1 }, { shared_head: "trained" }));
  const moved = parameters(await free.store.read());
  await free.close();
  for (const [name, values] of head) expect(moved.get(name), name).not.toEqual(values);
});

test("a resumed run is the unbroken one, and its file predicts without the module", async () => {
  const config = shared({ checkpoint_every: 1 });
  const whole = await run("whole", config);
  const sample = await tinySource("held-out").sample(0, config.size);
  await whole.close();
  const stop = new AbortController();
  await (await run("resumed", config, { signal: stop.signal, onStep: () => stop.abort() })).close();
  await (await run("resumed", config, { resume: true })).close();
  const bytes = (name: string): Buffer => readFileSync(at(`${name}/student.safetensors`));
  expect(bytes("resumed").equals(bytes("whole"))).toBe(true);
  const predicted = async (): Promise<Float32Array> => {
    const predictor = await loadPredictor(gpu, await readStudent(at("whole")), source);
    try {
      return await predictor.predict(sample);
    } finally {
      predictor.destroy();
    }
  };
  const depth_m = await predicted();
  renameSync(at("nano"), at("gone"));
  try {
    expect(await predicted()).toEqual(depth_m);
  } finally {
    renameSync(at("gone"), at("nano"));
  }
});

test("a head of another network gets adapters to its widths", () => {
  const config = shared({}, { shared_network: "resnet18" });
  const { g } = lossNetwork(config, { ...SHAPE, teacher: null });
  const shapes = g.parameters
    .filter(({ name }) => name.startsWith("adapter.") && name.endsWith(".weight"))
    .map(({ name, shape }) => [name.split(".")[1], shape[0], shape[3]]);
  expect(shapes).toEqual([
    ["bottleneck", 512, 80],
    ["level1", 256, 48],
    ["level2", 128, 32],
    ["level3", 64, 24],
    ["level4", 32, 16],
    ["relative", 1, 16],
  ]);
  const size = { height: 64, width: 64 };
  const module = tinyConfig({ student: "resnet18", size });
  const own = moduleNetwork(module, { views: 1, size, depth_max_m: CAP_M }).g;
  const heads = [own, g].map(({ parameters: all }) =>
    all.filter(({ name }) => name.startsWith("head.")).map(({ name, shape }) => ({ name, shape })),
  );
  expect(heads[1]).toEqual(heads[0]);
});

describe("refused:", () => {
  test.each<[string, Keys, Keys, RegExp]>([
    [
      "a teacher without a head",
      {},
      { kind: "builtin" },
      /teacher\.shared: only a fitted teacher.*set teacher\.kind to fitted/,
    ],
    [
      "plain bins",
      { head: { kind: "softmax_bins" } },
      {},
      /the head of a fitted teacher is metric_bins/,
    ],
    [
      "a network without a shared head",
      {},
      { shared: false, shared_network: "nano" },
      /teacher\.shared_network: .*set teacher\.shared/,
    ],
  ])("%s", (_, more, teacher, message) => {
    expect(() => shared(more, teacher)).toThrow(message);
  });

  test.each<[string, Keys, Keys, RegExp]>([
    ["no module", {}, { module: null }, /give teacher\.module/],
    ["another network", {}, { shared_network: "resnet18" }, /set teacher\.shared_network to nano/],
    ["other bins", { head: { bins: 8 } }, {}, /its head\.bins is 16, but that of the student is 8/],
    [
      "other seeds of centres",
      { head: { bins: 16, centers: "softplus" } },
      {},
      /set head\.centers to cumulative/,
    ],
  ])("%s", async (_, more, teacher, message) => {
    const config = shared(more, teacher);
    const values = initialStore(lossNetwork(config, { ...SHAPE, teacher: null }).g, 0);
    await expect(takeSharedHead(config, source, values)).rejects.toThrow(message);
  });

  test("a module of other metres", async () => {
    const config = shared({}, { module: await writeModule("near", {}, 40) });
    const values = initialStore(lossNetwork(config, { ...SHAPE, teacher: null }).g, 0);
    await expect(takeSharedHead(config, source, values)).rejects.toThrow(
      /depths up to 40 m .* has 80 m/,
    );
  });
});

test("a fit and the supervised row of an ablation have a head of their own", () => {
  const config = shared();
  expect(fitConfig(config).teacher).toMatchObject({ shared: false, shared_network: null });
  const { teacher } = config;
  const rows = parseRows("supervised,both", config);
  const plan = planAblation({
    given: { teacher },
    rows,
    points: [{ axes: {}, overrides: [] }],
    seeds: [0],
  });
  expect(plan.cells.map((cell) => cell.config.teacher.shared)).toEqual([false, true]);
});

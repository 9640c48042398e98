// Runs one offered case along both paths, the references in f64 and the kernels on the adapter, and
// compares outputs and gradients with the published ones. A case that throws has failed.
import type { Gpu } from "../../src/gpu/device.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { formatShape, sameShape, size as sizeOf } from "../../src/tensor/shape.ts";
import type { Build, Offer, Result, Steps } from "./offer.ts";
import { compare, type Path } from "./tolerance.ts";
import { UnknownValueError, type VectorCase, type VectorTensor } from "./vectors.ts";
import { inverse, reorder, workbench, type BoundInput, type Workbench } from "./workbench.ts";

/** Why a case failed. */
export interface Failure {
  readonly path: Path | "build";
  readonly message: string;
}

/** One tensor to compare with the published one. */
interface Target {
  readonly name: string;
  readonly value: Value;
  readonly axes: readonly number[];
  readonly want: VectorTensor;
}

type Attempt = (path: Failure["path"], act: () => void | Promise<void>) => Promise<void>;

/**
 * Runs a case on both paths; the empty list means that it passed. Throws UnknownValueError if an
 * attribute has an unknown value.
 */
export async function runCase(gpu: Gpu, offered: Offer, given: VectorCase): Promise<Failure[]> {
  const failures: Failure[] = [];
  const attempt: Attempt = async (path, act) => {
    try {
      await act();
    } catch (error) {
      if (error instanceof UnknownValueError) throw error; // nothing was tried: not offered
      failures.push({ path, message: (error as Error).message });
    }
  };
  const hold = (got: ArrayLike<number>, want: VectorTensor, path: Path): void => {
    const message = mismatch(got, want, given, path);
    if (message !== null) failures.push({ path, message });
  };
  if ("build" in offered) await runGraph(gpu, offered.build, given, attempt, hold);
  else if ("steps" in offered) await runSteps(gpu, offered.steps, given, attempt, hold);
  else await runHost(offered.host, given, attempt, hold);
  return failures;
}

type Hold = (got: ArrayLike<number>, want: VectorTensor, path: Path) => void;

async function runGraph(
  gpu: Gpu,
  build: Build,
  given: VectorCase,
  attempt: Attempt,
  hold: Hold,
): Promise<void> {
  const bench = workbench(given);
  let targets: Target[] | null = null;
  const kept: Value[] = [];
  await attempt("build", () => {
    const built = build(bench);
    targets = targetsOf(bench, built);
    // an op that changes states runs for its outputs, asked for or not
    if (bench.states.size > 0) kept.push(...built.map((one) => ("value" in one ? one.value : one)));
  });
  if (targets === null) return;
  await runTargets(gpu, bench, targets, kept, attempt, hold);
}

async function runTargets(
  gpu: Gpu,
  bench: Workbench,
  targets: readonly Target[],
  kept: readonly Value[],
  attempt: Attempt,
  hold: Hold,
): Promise<void> {
  const outputs = Object.fromEntries([
    ...targets.map(({ value }, i) => [`target${i}`, value] as const),
    ...kept.map((value, i) => [`kept${i}`, value] as const),
  ]);
  const request = { outputs };
  const data = bench.bound.map((one) => [one.value.name, stored(one)] as const);
  const holdAll = (results: Readonly<Record<string, ArrayLike<number>>>, path: Path): void => {
    targets.forEach(({ name, value, axes, want }, i) => {
      const moved = reorder(results[`target${i}`], value.shape, inverse(axes));
      hold(moved, { ...want, name }, path);
    });
  };
  const start = (): CpuStore => {
    const store = initialStore(bench.graph, 0);
    for (const [name, { values }] of bench.states) store.states.get(name)!.set(values);
    return store;
  };
  const scalars = bench.stepScalars;
  await attempt("cpu", () => {
    holdAll(runOnCpu(bench.graph, request, start(), Object.fromEntries(data), scalars), "cpu");
  });
  await attempt("gpu", async () => {
    const store = createStore(gpu, bench.graph, start());
    try {
      const plan = await compile(gpu, bench.graph, request, store);
      try {
        const inputs = data.map(([name, values]) => [name, Float32Array.from(values)] as const);
        holdAll(await plan.run(Object.fromEntries(inputs), scalars), "gpu");
      } finally {
        plan.destroy();
      }
    } finally {
      store.destroy();
    }
    gpu.check();
  });
}

async function runSteps(
  gpu: Gpu,
  make: (given: VectorCase) => Steps,
  given: VectorCase,
  attempt: Attempt,
  hold: Hold,
): Promise<void> {
  let steps: Steps | null = null;
  await attempt("build", () => {
    steps = make(given);
  });
  if (steps === null) return;
  const { graph, request, inputs, scalars, parameters, wants } = steps as Steps;
  const start = (): CpuStore => {
    const store = initialStore(graph, 0);
    for (const [name, values] of Object.entries(parameters)) {
      store.arenas.parameters.set(values, store.layout.byName.get(name)!.offset);
    }
    return store;
  };
  const last = Math.max(...wants.map(({ step }) => step));
  await attempt("build", () => {
    if (wants.length === 0) throw new Error("no step to hold");
  });
  const holdStep = (store: CpuStore, step: number, path: Path): void => {
    for (const { parameter, want } of wants.filter((one) => one.step === step)) {
      const { offset, size } = store.layout.byName.get(parameter)!;
      hold(store.arenas.parameters.subarray(offset, offset + size), want, path);
    }
  };
  await attempt("cpu", () => {
    const store = start();
    for (let step = 1; step <= last; step++) {
      runOnCpu(graph, request, store, inputs(step), scalars(step));
      holdStep(store, step, "cpu");
    }
  });
  await attempt("gpu", async () => {
    const store = createStore(gpu, graph, start());
    const plan = await compile(gpu, graph, request, store);
    try {
      for (let step = 1; step <= last; step++) {
        const written = Object.entries(inputs(step)).map(([name, values]) => [
          name,
          Float32Array.from(values),
        ]);
        await plan.run(Object.fromEntries(written) as Record<string, Float32Array>, scalars(step));
        if (wants.some((one) => one.step === step)) holdStep(await store.read(), step, "gpu");
      }
    } finally {
      plan.destroy();
      store.destroy();
    }
    gpu.check();
  });
}

async function runHost(
  compute: (given: VectorCase) => Readonly<Record<string, number | undefined>>,
  given: VectorCase,
  attempt: Attempt,
  hold: Hold,
): Promise<void> {
  await attempt("cpu", () => {
    const values = compute(given);
    if (given.outputs.length === 0) throw new Error("no output to hold");
    for (const want of given.outputs) {
      const value = want === null ? undefined : values[want.name];
      if (want !== null && value === undefined) throw new Error(`${want.name} is not made`);
      if (want !== null) hold([value!], want, "cpu");
    }
  });
}

function stored({ tensor, axes }: BoundInput): Float64Array {
  return reorder(tensor.values, tensor.shape, axes);
}

/** A result with all its fields. */
type Resolved = Required<Result>;

/** Outputs and gradients of a built case, each with what it must be. */
function targetsOf(bench: Workbench, built: readonly (Result | Value)[]): Target[] {
  const { given } = bench;
  const results = built.map((result): Resolved => {
    const { value, axes, name } = "value" in result ? result : { value: result };
    return { value, axes: axes ?? value.shape.map((_, axis) => axis), name: name ?? "" };
  });
  const outputs = given.outputs.flatMap((want, i): Target[] =>
    want === null ? [] : [{ ...resultFor(given, results, want.name, i), want, name: want.name }],
  );
  const targets = [...outputs, ...gradientTargets(bench, results)];
  if (targets.length === 0) throw new Error("no output and no gradient to hold");
  for (const { name, value, axes, want } of targets) {
    const wanted = axes.map((axis) => want.shape[axis] ?? -1);
    if (!sameShape(value.shape, wanted) || axes.length !== want.shape.length) {
      throw new Error(`${name} is ${formatShape(value.shape)}, expected ${formatShape(wanted)}`);
    }
  }
  return targets;
}

/**
 * The result that an output or its gradient (`d_` before the name) speaks of: by name, else by
 * place.
 */
function resultFor(
  given: VectorCase,
  results: readonly Resolved[],
  name: string,
  place: number,
): Resolved {
  const named = results.find(
    (one) => one.name !== "" && [one.name, `d_${one.name}`].includes(name),
  );
  const first = Number(given.record["output_index"] ?? 0);
  const result = named ?? results[first + place];
  if (result === undefined) throw new Error(`output ${first + place} is not made`);
  return result;
}

function gradientTargets(bench: Workbench, results: readonly Resolved[]): Target[] {
  const { given, graph } = bench;
  if (given.gradients.length === 0) return [];
  const seeds = given.d_outputs.flatMap((d_y, i): [Value, Value][] => {
    if (d_y === null) return [];
    const names = results.flatMap(({ name }) => [name, `d_${name}`]);
    const name = names.includes(d_y.name) ? d_y.name : (given.outputs[i]?.name ?? "");
    const { value, axes } = resultFor(given, results, name, i);
    if (d_y.values.length !== sizeOf(value.shape)) {
      throw new Error(`${d_y.name}${formatShape(d_y.shape)} is not of the shape of output ${i}`);
    }
    const moved = reorder(d_y.values, d_y.shape, axes);
    return [[value, graph.constant(`d_${value.name}`, value.shape, Float32Array.from(moved))]];
  });
  const wanted = given.gradients.map((want) => {
    const input = bench.bound.find(({ tensor }) => tensor.name === want.name);
    if (input === undefined) throw new Error(`gradient of ${want.name}: not an input of the graph`);
    return { want, input };
  });
  const gradients = backward(
    graph,
    seeds,
    wanted.map(({ input }) => input.value),
  );
  return wanted.map(({ want, input }) => ({
    name: `d_${want.name}`,
    value: gradients.get(input.value)!,
    axes: input.axes,
    want,
  }));
}

function mismatch(
  got: ArrayLike<number>,
  want: VectorTensor,
  given: VectorCase,
  path: Path,
): string | null {
  const found = compare(got, want, given, path);
  if (found === null) return null;
  const { index, got: g, want: w, allowed, count } = found;
  const share = `${count} of ${want.values.length} differ`;
  return `${want.name}[${index}] is ${g}, expected ${w} (${allowed}); ${share}`;
}

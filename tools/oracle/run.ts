// Runs one offered case along both paths, the references in f64 and the kernels on the adapter, and holds outputs and
// gradients against what was published. A case that throws has failed.
import type { Gpu } from "../../src/gpu/device.ts";
import { backward } from "../../src/graph/backward.ts";
import { initialStore, runOnCpu } from "../../src/graph/cpu.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { formatShape, sameShape } from "../../src/tensor/shape.ts";
import type { Offer, Result } from "./offer.ts";
import { compare, type Path } from "./tolerance.ts";
import type { VectorCase, VectorTensor } from "./vectors.ts";
import { inverse, reorder, workbench, type BoundInput, type Workbench } from "./workbench.ts";

/** Why a case failed. */
export interface Failure {
  readonly path: Path | "build";
  readonly message: string;
}

/** One tensor to hold against the published one. */
interface Target {
  readonly name: string;
  readonly value: Value;
  readonly axes: readonly number[];
  readonly want: VectorTensor;
}

/** Runs a case on both paths; the empty list means that it passed. */
export async function runCase(gpu: Gpu, offered: Offer, given: VectorCase): Promise<Failure[]> {
  const failures: Failure[] = [];
  const attempt = async (path: Failure["path"], act: () => void | Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      failures.push({ path, message: (error as Error).message });
    }
  };
  const bench = workbench(given);
  let targets: Target[] = [];
  await attempt("build", () => {
    targets = targetsOf(bench, offered.build(bench));
  });
  if (failures.length > 0) return failures;
  const requested = Object.fromEntries(targets.map(({ value }, i) => [`target${i}`, value]));
  const request = { outputs: requested };
  const data = bench.bound.map((one) => [one.value.name, stored(one)] as const);
  const hold = (results: Readonly<Record<string, ArrayLike<number>>>, path: Path): void => {
    targets.forEach((target, i) => {
      const message = mismatch(results[`target${i}`]!, target, given, path);
      if (message !== null) failures.push({ path, message });
    });
  };
  const initial = initialStore(bench.graph, 0);
  await attempt("cpu", () => {
    hold(runOnCpu(bench.graph, request, initial, Object.fromEntries(data)), "cpu");
  });
  await attempt("gpu", async () => {
    const store = createStore(gpu, bench.graph, initialStore(bench.graph, 0));
    try {
      const plan = await compile(gpu, bench.graph, request, store);
      try {
        const inputs = data.map(([name, values]) => [name, Float32Array.from(values)] as const);
        hold(await plan.run(Object.fromEntries(inputs)), "gpu");
      } finally {
        plan.destroy();
      }
    } finally {
      store.destroy();
    }
    gpu.check();
  });
  return failures;
}

function stored({ tensor, axes }: BoundInput): Float64Array {
  return reorder(tensor.values, tensor.shape, axes);
}

/** Outputs and gradients of a built case, each with what it must be. */
function targetsOf(bench: Workbench, results: readonly (Result | Value)[]): Target[] {
  const { given } = bench;
  const first = Number(given.record["output_index"] ?? 0);
  const resultAt = (i: number): Required<Result> => {
    const result = results[first + i];
    if (result === undefined) throw new Error(`output ${first + i} is not made`);
    const { value, axes } = "value" in result ? result : { value: result, axes: undefined };
    return { value, axes: axes ?? value.shape.map((_, axis) => axis) };
  };
  const outputs = given.outputs.flatMap((want, i): Target[] =>
    want === null ? [] : [{ name: want.name, ...resultAt(i), want }],
  );
  const targets = [...outputs, ...gradientTargets(bench, resultAt)];
  for (const { name, value, axes, want } of targets) {
    const wanted = axes.map((axis) => want.shape[axis] ?? -1);
    if (!sameShape(value.shape, wanted)) {
      throw new Error(`${name} is ${formatShape(value.shape)}, expected ${formatShape(wanted)}`);
    }
  }
  return targets;
}

function gradientTargets(bench: Workbench, resultAt: (i: number) => Required<Result>): Target[] {
  const { given, graph } = bench;
  if (given.gradients.length === 0) return [];
  const seeds = given.d_outputs.flatMap((d_y, i): [Value, Value][] => {
    if (d_y === null) return [];
    const { value, axes } = resultAt(i);
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
  { name, value, axes, want }: Target,
  given: VectorCase,
  path: Path,
): string | null {
  const moved = reorder(got, value.shape, inverse(axes));
  const found = compare(moved, want, given, path);
  if (found === null) return null;
  const { index, got: g, want: w, allowed, count } = found;
  return `${name}[${index}] is ${g}, expected ${w} (${allowed}); ${count} of ${want.values.length} differ`;
}

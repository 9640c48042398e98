// Compares a whole network on the GPU with the CPU path in f64: one step of the same graph on the
// same numbers, gradient by gradient. src/kernels/check/check.ts checks single kernels.
import type { DataSource } from "../data/data_source.ts";
import { loader } from "../data/loader.ts";
import { makeOutFolder, writeOwnFiles, type OwnFile } from "../formats/own_files.ts";
import { writeSafetensors, type NewTensor } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import { runOnCpuPatiently } from "../graph/cpu.ts";
import { initialStore, type CpuStore } from "../graph/cpu_store.ts";
import type { Request } from "../graph/request.ts";
import { eachArena } from "../graph/layout.ts";
import { compile } from "../graph/plan.ts";
import { createStore } from "../graph/store.ts";
import type { Value } from "../graph/value.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { relativeNorm } from "../tensor/differences.ts";
import { checkNames } from "../tensor/options.ts";
import type { Shape } from "../tensor/shape.ts";
import { namedTensors } from "./trained/tensors.ts";
import type { TrainConfig } from "./config.ts";
import { lossNetwork } from "./network.ts";
import { stepScalars } from "./schedule.ts";
import { teacherInputs } from "./loading/moment_inputs.ts";

/** Largest relative error of a parameter's gradient for a freshly initialised student. */
export const INITIAL_GATE = 1e-3;
/** The same for a trained student: its losses are small differences of large numbers. */
export const TRAINED_GATE = 5e-3;

/** The comparison of one parameter tensor's gradient. */
export interface ParameterCheck {
  readonly name: string;
  readonly shape: Shape;
  /** |gpu - cpu| / max(|cpu|, 1e-6 |all gradients|), Euclidean norms. */
  readonly relative_error: number;
}

/** One path's numbers of the step: outputs and losses by name, every gradient in the arena. */
export interface StepNumbers {
  readonly outputs: Readonly<Record<string, Float32Array | Float64Array>>;
  readonly gradients: Float64Array;
}

/** Both paths of one step and their initial values. */
export interface NetworkComparison {
  readonly parameters: readonly ParameterCheck[];
  readonly initial: CpuStore;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly shapes: {
    readonly inputs: Readonly<Record<string, Shape>>;
    readonly outputs: Readonly<Record<string, Shape>>;
  };
  readonly gpu: StepNumbers;
  readonly cpu: StepNumbers;
}

/** Options of the comparison. */
export interface NetworkCheck {
  readonly config: TrainConfig;
  /** The batch is its first training step. */
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  /** Loads trained parameters and states; by default those of the configuration's seed are used. */
  readonly load?: (store: CpuStore) => void;
  /**
   * Depth in metres of a bin centre of 1 for the trained student; by default the cap of the data.
   */
  readonly depth_max_m?: number;
  /**
   * Also keep the outputs of the student, for a dump. They stay in memory, unlike in a training
   * step.
   */
  readonly outputs?: boolean;
}

const CHECK: Readonly<Record<keyof NetworkCheck, true>> = {
  config: true,
  source: true,
  teacher: true,
  load: true,
  depth_max_m: true,
  outputs: true,
};

/**
 * Runs one step of the full loss on both paths, its distillation weights as configured, past their
 * ramp, in f32 whatever the precision of the configuration. The CPU path takes about a minute for resnet18 at 96x160.
 */
export async function compareNetwork(gpu: Gpu, check: NetworkCheck): Promise<NetworkComparison> {
  checkNames("compareNetwork", check, Object.keys(CHECK));
  const { source, teacher } = check;
  // the CPU path has no f16, and gradients are compared as they are without a scale
  const config: TrainConfig = { ...check.config, precision: "f32" };
  const { g, request, output } = lossNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: check.depth_max_m ?? source.protocol.cap_m,
    teacher: teacher?.parts ?? null,
  });
  const outputs: Record<string, Value> = { ...request.outputs };
  if (check.outputs === true) {
    const { binomial, ...values } = output;
    Object.assign(outputs, values, binomial);
  }
  const wanted: Request = { ...request, outputs };
  const initial = initialStore(g, config.seed);
  check.load?.(initial);
  const inputs = await firstBatch(check);
  const scalars = stepScalars(config, config.steps);

  const store = createStore(gpu, g, initial);
  const plan = await compile(gpu, g, wanted, store);
  const onGpu = await plan.run(inputs, scalars);
  const { arenas } = await store.read();
  plan.destroy();
  store.destroy();

  const host = copyStore(initial);
  const onCpu = await runOnCpuPatiently(g, wanted, host, inputs, scalars);
  const shapesOf = (values: Iterable<readonly [string, Value]>): Record<string, Shape> =>
    Object.fromEntries([...values].map(([name, { shape }]) => [name, shape]));
  return {
    parameters: compareGradients(initial, arenas.gradients, host.arenas.gradients),
    initial,
    inputs,
    shapes: {
      inputs: shapesOf(g.inputs.map((value) => [value.name, value])),
      outputs: shapesOf(Object.entries(outputs)),
    },
    gpu: { outputs: onGpu, gradients: arenas.gradients },
    cpu: { outputs: onCpu, gradients: host.arenas.gradients },
  };
}

/** The batch of the first training step, without augmentation, and its teacher maps. */
export async function firstBatch({
  config,
  source,
  teacher,
}: Pick<NetworkCheck, "config" | "source" | "teacher">): Promise<Record<string, Float32Array>> {
  const { seed, size } = config;
  const samples = loader(source, { seed, size, augment: false, badSamples: "stop" });
  const { sample, batch } = await samples.step(0);
  return { ...batch, ...(await teacherInputs({ teacher, config }, sample)) };
}

function copyStore({ layout, arenas, states }: CpuStore): CpuStore {
  return {
    layout,
    arenas: eachArena((name) => arenas[name].slice()),
    states: new Map([...states].map(([name, values]) => [name, values.slice()])),
  };
}

/** Relative errors of two gradient arenas of one layout, parameter by parameter. */
export function compareGradients(
  { layout }: Pick<CpuStore, "layout">,
  gpu: Float64Array,
  cpu: Float64Array,
): ParameterCheck[] {
  const floor = 1e-6 * norm(cpu);
  return layout.slots.map(({ name, shape, offset, size }) => {
    const want = cpu.subarray(offset, offset + size);
    const got = gpu.subarray(offset, offset + size);
    return { name, shape, relative_error: relativeNorm(got, want, floor) };
  });
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

const LOSS_NAMES = ["loss", "silog", "kl", "cross", "relation", "valid_count"];

/**
 * Writes the step into a folder as safetensors, named as in the graph, activations NHWC, weights
 * OHWI: `weights` (parameters, and states as `state/NAME`), `batch` (the inputs), `outputs` (of the
 * student), `losses` (`loss` is their weighted sum), `gradients`. The last three hold the GPU's f32
 * under the plain name and the f64 of the CPU path as `cpu/NAME`. Throws InputError, having written
 * nothing, where a foreign file has such a name.
 */
export async function dumpNetwork(folder: string, compared: NetworkComparison): Promise<void> {
  const { initial, inputs, shapes, gpu, cpu } = compared;
  const files: Required<OwnFile>[] = [];
  const add = (name: string, tensors: readonly NewTensor[]): void => {
    files.push({ name: `${name}.safetensors`, bytes: writeSafetensors(tensors) });
  };
  const both = (names: readonly string[]): NewTensor[] =>
    names.flatMap((name) => [
      { name, shape: shapes.outputs[name], data: gpu.outputs[name] },
      { name: `cpu/${name}`, shape: shapes.outputs[name], data: cpu.outputs[name] },
    ]);
  const names = Object.keys(shapes.outputs);
  add("weights", namedTensors(initial));
  add(
    "batch",
    Object.entries(inputs).map(([name, data]) => ({ name, shape: shapes.inputs[name], data })),
  );
  add("outputs", both(names.filter((name) => !LOSS_NAMES.includes(name))));
  add("losses", both(names.filter((name) => LOSS_NAMES.includes(name))));
  add(
    "gradients",
    initial.layout.slots.flatMap(({ name, shape, offset, size }) => {
      const slice = (arena: Float64Array): Float64Array => arena.slice(offset, offset + size);
      return [
        { name, shape, data: Float32Array.from(slice(gpu.gradients)) },
        { name: `cpu/${name}`, shape, data: slice(cpu.gradients) },
      ];
    }),
  );
  await makeOutFolder(folder, true);
  await writeOwnFiles(folder, files);
}

// Holds a whole network on the GPU against the CPU path in f64: one step of the same graph on the
// same numbers, compared gradient by gradient. Kernels one by one are src/kernels/check.ts's.
import type { DataSource } from "../data/data_source.ts";
import { loader } from "../data/loader.ts";
import { makeFolder, writeOwnFiles, type OwnFile } from "../formats/own_files.ts";
import { writeSafetensors, type NewTensor } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore, runOnCpu, type CpuStore, type Request } from "../graph/cpu.ts";
import { eachArena } from "../graph/layout.ts";
import { compile } from "../graph/plan.ts";
import { createStore } from "../graph/store.ts";
import type { Value } from "../graph/value.ts";
import { teacherDepth } from "../teacher/checked_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { relativeNorm } from "../tensor/differences.ts";
import type { Shape } from "../tensor/shape.ts";
import { namedTensors } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { lossNetwork, outputSize } from "./network.ts";
import { stepScalars } from "./schedule.ts";

/** Largest relative error of a parameter's gradient of a student as it is initialised. */
export const INITIAL_GATE = 1e-3;
/** The same of a trained student: its losses are small differences of large numbers. */
export const TRAINED_GATE = 5e-3;

/** How one parameter tensor's gradient compares. */
export interface ParameterCheck {
  readonly name: string;
  readonly shape: Shape;
  /** |gpu - cpu| / max(|cpu|, 1e-6 |all gradients|), Euclidean norms (DESIGN 11.12). */
  readonly relative_error: number;
}

/** One path's numbers of the step: outputs and losses by name, every gradient in the arena. */
export interface StepNumbers {
  readonly outputs: Readonly<Record<string, Float32Array | Float64Array>>;
  readonly gradients: Float64Array;
}

/** Both paths of one step and what they started from. */
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

/** What to compare. */
export interface NetworkCheck {
  readonly config: TrainConfig;
  /** The batch is its first training step. */
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  /** Puts trained parameters and states in; left out, those of the configuration's seed. */
  readonly load?: (store: CpuStore) => void;
  /** Metres of a bin centre of 1 of the trained student; left out, the cap of the data. */
  readonly depth_max_m?: number;
  /**
   * Also the outputs of the student, for a dump. They stay in memory, which no training step does.
   */
  readonly outputs?: boolean;
}

/**
 * Runs one step of the full loss on both paths, its distillation weights as configured, past their
 * ramp. The CPU path takes about a minute for resnet18 at 96x160.
 */
export async function compareNetwork(gpu: Gpu, check: NetworkCheck): Promise<NetworkComparison> {
  const { config, source, teacher } = check;
  const { g, request, output } = lossNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: check.depth_max_m ?? source.protocol.cap_m,
    teacher: teacher !== null,
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
  const onCpu = runOnCpu(g, wanted, host, inputs, scalars);
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

/** The batch of the first training step, without augmentation, and the teacher's map of it. */
export async function firstBatch({
  config,
  source,
  teacher,
}: Pick<NetworkCheck, "config" | "source" | "teacher">): Promise<Record<string, Float32Array>> {
  const { seed, size } = config;
  const samples = loader(source, { seed, size, augment: false, badSamples: "stop" });
  const { sample, batch } = await samples.step(0);
  if (teacher === null) return { ...batch };
  return { ...batch, teacher: await teacherDepth(teacher, sample, outputSize(size)) };
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
  await makeFolder(folder, true);
  await writeOwnFiles(folder, files);
}

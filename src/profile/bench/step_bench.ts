// `bench step`: whole training steps in their forms, compared with each other and timed
// interleaved.
import type { DataSource } from "../../data/data_source.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile, type Plan } from "../../graph/plan.ts";
import { createStore } from "../../graph/store.ts";
import { BIN_GRADIENT_TOLERANCE } from "../../engine/tolerance.ts";
import type { Tuning } from "../../engine/tuning.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { compareNumbers, type Agreement, type Numbers } from "../../measure/agreement.ts";
import type { Bench } from "../../measure/measure.ts";
import { timeWays, type PreparedWay, type WayRow } from "./plan_bench.ts";
import { problemKeys } from "../../tune/step_problems.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../../train/config.ts";
import { trainingNetwork } from "../../train/network.ts";
import {
  compareGradients,
  compareNetwork,
  firstBatch,
  INITIAL_GATE,
  type ParameterCheck,
} from "../../train/network_check.ts";
import { stepScalars } from "../../train/schedule.ts";

/** One form of a step. */
export interface StepForm {
  readonly name: string;
  readonly config: TrainConfig;
  /** The choices that its kernels run with; by default the rules of their twins. */
  readonly tuning?: Tuning;
  /** Whether the plan fuses nodes; true by default. */
  readonly fused?: boolean;
}

/** The training data of a step, with its teacher. */
export interface StepData {
  readonly source: DataSource;
  readonly teacher: Teacher | null;
}

/** The forms that the configuration chooses between; the first stores bins and relations. */
export function stepForms(config: TrainConfig): StepForm[] {
  const form = (
    name: string,
    bins_form: "stored" | "fused",
    relation_form: "stored" | "fused",
  ): StepForm => ({
    name,
    config: { ...config, loss: { ...config.loss, bins_form, relation_form } },
  });
  return [
    form("all stored", "stored", "stored"),
    form("bins fused", "fused", "stored"),
    form("relation fused", "stored", "fused"),
    form("all fused", "fused", "fused"),
  ];
}

/** The form of the configuration with one dispatch or more per op, and as the plan fuses it. */
export function fusedForms(config: TrainConfig): StepForm[] {
  return [
    { name: "one op at a time", config, fused: false },
    { name: "fused by the plan", config },
  ];
}

/** The form of the configuration by the rules of the twins, and by measured choices. */
export function tunedForms(config: TrainConfig, tuning: Tuning): StepForm[] {
  return [
    { name: "by rule", config },
    { name: "tuned", config, tuning },
  ];
}

/**
 * Compares the first form with the CPU path in f64 on images of size `small` and the others with
 * the first, and times one whole step of each, interleaved: all its dispatches in one pass. The
 * learning rate is 0, so nothing is learnt meanwhile. Throws InputError for a form whose choices
 * all belong to other problems.
 */
export async function benchStep(
  bench: Bench,
  ceilings: Ceilings | null,
  forms: readonly StepForm[],
  data: StepData,
  small: TrainConfig["size"],
  progress: (line: string) => void,
): Promise<WayRow[]> {
  const { gpu } = bench;
  progress("checking the first level in f64");
  const inputs = await firstBatch({ config: forms[0].config, ...data });
  const prepared: PreparedWay[] = [];
  const open: (() => void)[] = [];
  try {
    let first: StepNumbers | null = null;
    for (const form of forms) {
      progress(`${form.name}: compiling and running`);
      const { plan, numbers, destroy } = await runStep(gpu, form, data, inputs);
      open.push(destroy);
      const found: Agreement =
        first === null
          ? await compareSmall(gpu, form.config, data, small)
          : compareSteps(numbers, first, forms[0].name);
      first ??= numbers;
      const { summary, dispatches } = plan;
      prepared.push({ name: form.name, found, summary, forward: dispatches, backward: [] });
    }
    progress("timing, interleaved");
    return await timeWays(bench, ceilings, prepared, ["both"]);
  } finally {
    for (const destroy of open) destroy();
  }
}

/** The outputs of a step. */
interface StepNumbers {
  readonly losses: Numbers;
  readonly gradients: Float64Array;
  readonly layout: Parameters<typeof compareGradients>[0];
}

async function runStep(
  gpu: Gpu,
  { config, tuning, fused = true }: StepForm,
  { source, teacher }: StepData,
  inputs: Readonly<Record<string, Float32Array>>,
): Promise<{
  readonly plan: Plan;
  readonly numbers: StepNumbers;
  readonly destroy: () => void;
}> {
  const { g, request } = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: teacher?.parts ?? null,
  });
  const initial = initialStore(g, config.seed);
  const store = createStore(gpu, g, initial);
  const open = [store.destroy];
  const destroy = (): void => open.forEach((free) => free());
  try {
    const plan = await compile(gpu, g, request, store, {
      fused,
      ...(tuning === undefined ? {} : { tuning }),
    });
    open.push(plan.destroy);
    const problems = problemKeys(plan.dispatches.map(({ call }) => call));
    if (tuning !== undefined && [...problems].every((key) => !tuning.has(key))) {
      throw new InputError("no measured choice applies to this step: run ringdepth tune first");
    }
    // Past the ramp, where all terms have their full weight.
    const scalars = { ...stepScalars(config, config.steps), learning_rate: 0 };
    const { gradient_norm: _, ...losses } = await plan.run(inputs, scalars);
    const { gradients } = (await store.read()).arenas;
    return { plan, numbers: { losses, gradients, layout: initial }, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

function compareSteps(got: StepNumbers, want: StepNumbers, against: string): Agreement {
  const found = compareNumbers(got.losses, want.losses, against);
  const parameters = compareGradients(want.layout, got.gradients, want.gradients);
  return withGradients(found, parameters, BIN_GRADIENT_TOLERANCE, against);
}

/** A small step against f64, by the same measure as `check --network`. */
async function compareSmall(
  gpu: Gpu,
  config: TrainConfig,
  data: StepData,
  size: TrainConfig["size"],
): Promise<Agreement> {
  const {
    parameters,
    gpu: made,
    cpu,
  } = await compareNetwork(gpu, {
    config: { ...config, size },
    ...data,
  });
  return withGradients(
    compareNumbers(made.outputs, cpu.outputs, "f64"),
    parameters,
    INITIAL_GATE,
    "f64",
  );
}

function withGradients(
  found: Agreement,
  parameters: readonly ParameterCheck[],
  tolerance: number,
  against: string,
): Agreement {
  const worst = parameters.reduce((a, b) => (b.relative_error > a.relative_error ? b : a));
  const { name, relative_error } = worst;
  const fault =
    relative_error <= tolerance
      ? ""
      : `the gradient of ${name} differs from ${against} by ${relative_error.toExponential(1)}; ` +
        `${tolerance} is allowed`;
  return {
    depth_error: found.depth_error,
    gradient_error: Math.max(found.gradient_error ?? 0, relative_error),
    error: [found.error, fault].filter((text) => text !== "").join("; "),
  };
}

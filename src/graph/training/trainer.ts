// A training loop in one object: the graph's gradients and update, the optimiser's state and the
// step scalars that change from step to step.
import type { Gpu } from "../../gpu/device.ts";
import { InputError, NonFiniteError } from "../../tensor/error.ts";
import { formatShape, size } from "../../tensor/shape.ts";
import { initialStore } from "../cpu_store.ts";
import { checkOptions } from "../../tensor/options.ts";
import { gradNorm } from "../ops/adamw.ts";
import { DROPOUT_STEP } from "../ops/dropout.ts";
import { checkCompileOptions, compile, type CompileOptions, type Plan } from "../plan.ts";
import type { Request } from "../request.ts";
import { createStore, type GpuStore } from "../store.ts";
import type { Graph, Value } from "../value.ts";
import type { NewTensor } from "../../formats/safetensors.ts";
import { optimizerOf, type OptimizerOptions } from "./optimizer.ts";
import { loadTrainer, parameterTensors, savedTrainer } from "./saved_trainer.ts";
import { scheduleOf, type Schedule } from "./schedule.ts";

/** The loss to train on, and how. */
export interface TrainerOptions {
  /** One number, which depends on every parameter that is not frozen. */
  readonly loss: Value;
  /** Further values that `step` returns, and that `predict` computes without a step. */
  readonly outputs?: Readonly<Record<string, Value>>;
  /** One number, or a schedule such as `cosineRate(1e-3, 500)`. */
  readonly learning_rate: number | Schedule;
  /** AdamW by default. */
  readonly optimizer?: OptimizerOptions;
  /** Gradients whose norm over all parameters is larger are scaled down to it; 0, the default: never. */
  readonly max_norm?: number;
  /** Seed of the initial values; 0 by default. */
  readonly seed?: number;
  /** How the graph is compiled. */
  readonly compile?: CompileOptions;
}

/** The result of a step. */
export interface StepResult {
  /** Completed steps, this one included. */
  readonly step: number;
  /** Before the update of this step. */
  readonly loss: number;
  readonly learning_rate: number;
  /** Norm of the gradient over all parameters, before it was clipped. */
  readonly gradient_norm: number;
  readonly outputs: Readonly<Record<string, Float32Array>>;
}

/** Inputs by name: arrays of numbers, or typed arrays of any floats or integers. */
export type HostInputs = Readonly<Record<string, ArrayLike<number>>>;
/** Numbers of a step by name, beside those that the trainer sets itself. */
export type HostScalars = Readonly<Record<string, number>>;

/** A graph that learns. */
export interface Trainer {
  /** Completed steps. */
  readonly steps: number;
  /** The trained parameters and states, for plans of other graphs that name theirs alike. */
  readonly store: GpuStore;
  /** The compiled step. */
  readonly plan: Plan;
  /**
   * One step: forward, gradients, update. Throws InputError, with nothing changed, for inputs that
   * do not fit or while another step runs, and NonFiniteError if the gradient is not finite: then
   * no parameter was changed and the step does not count.
   */
  readonly step: (inputs: HostInputs, scalars?: HostScalars) => Promise<StepResult>;
  /**
   * The `outputs` for these inputs, without a step and without dropout. Inputs that they do not
   * depend on may be left out.
   */
  readonly predict: (
    inputs: HostInputs,
    scalars?: HostScalars,
  ) => Promise<Record<string, Float32Array>>;
  /** The trained tensors as they are now, as `writeSafetensors` takes them. */
  readonly parameters: () => Promise<NewTensor[]>;
  /** A safetensors file with all that is needed to continue with the same bits. */
  readonly save: () => Promise<Uint8Array>;
  /**
   * Continues from a file of `save`, or from a file of parameters and states alone. Throws
   * InputError, naming `file` and the tensor, with nothing changed, if they do not fit.
   */
  readonly load: (bytes: Uint8Array, file?: string) => Promise<void>;
  readonly destroy: () => void;
}

/** Names of outputs and scalars that a trainer needs for itself. */
const LOSS = "loss";
const NORM = "gradient_norm";
const RATE = "learning_rate";

/**
 * Compiles a graph with a loss for training: it adds gradients and update to the graph, so that no
 * parameter may be declared afterwards, and creates the initial values. Throws InputError if an
 * option is unknown or does not fit, or if a parameter does not influence the loss.
 */
export async function trainer(gpu: Gpu, g: Graph, options: TrainerOptions): Promise<Trainer> {
  const { loss, outputs, schedule, optimizer, max_norm, seed } = checkedOptions(g, options);
  const store = createStore(gpu, g, initialStore(g, seed));
  let predictor: Plan | null = null;
  let plan: Plan;
  try {
    // Compiled before the update is part of the graph.
    if (Object.keys(outputs).length > 0) {
      predictor = await compile(gpu, g, { outputs }, store, options.compile);
    }
    plan = await compile(gpu, g, trainingRequest(g, loss, outputs, optimizer, max_norm), store, {
      ...options.compile,
    });
  } catch (error) {
    predictor?.destroy();
    store.destroy();
    throw error;
  }
  const drops = g.scalarNames.includes(DROPOUT_STEP);
  let steps = 0;
  let busy = false;
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (busy) throw new InputError("the trainer is still at work: await its last call first");
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  };
  const step = async (inputs: HostInputs, scalars: HostScalars): Promise<StepResult> => {
    const learning_rate = schedule(steps);
    const own = { [RATE]: learning_rate, ...optimizer.scalars(steps) };
    const numbers = { ...own, ...(drops && { [DROPOUT_STEP]: steps }) };
    refuseOwn(scalars, numbers);
    const results = await plan.run(inputs, { ...scalars, ...numbers });
    const { [LOSS]: value, [NORM]: norm, ...rest } = results;
    const [gradient_norm, , isFinite, isStateBad] = norm;
    if (isFinite !== 1) {
      throw new NonFiniteError(
        `step ${steps + 1}: the gradient is not finite (loss ${value[0]}); no parameter was changed`,
      );
    }
    steps++;
    if (isStateBad !== 0) {
      throw new NonFiniteError(
        `step ${steps}: a parameter or a moment is not finite; lower the learning rate`,
      );
    }
    return { step: steps, loss: value[0], learning_rate, gradient_norm, outputs: rest };
  };
  const predict = async (
    inputs: HostInputs,
    scalars: HostScalars,
  ): Promise<Record<string, Float32Array>> => {
    if (predictor === null) throw new InputError("predict: the trainer was given no outputs");
    refuseStateful(predictor);
    const unused: HostScalars = {
      [RATE]: 0,
      ...optimizer.scalars(0),
      ...(drops && { [DROPOUT_STEP]: -1 }),
    };
    refuseOwn(scalars, unused);
    const known = Object.keys(unused).filter((name) => g.scalarNames.includes(name));
    const own = Object.fromEntries(known.map((name) => [name, unused[name]]));
    return await predictor.run(withUnneeded(g, predictor, outputs, inputs), { ...scalars, ...own });
  };
  return {
    get steps() {
      return steps;
    },
    store,
    plan,
    step: async (inputs, scalars = {}) => await alone(async () => await step(inputs, scalars)),
    predict: async (inputs, scalars = {}) =>
      await alone(async () => await predict(inputs, scalars)),
    parameters: async () => await alone(async () => parameterTensors(await store.read())),
    save: async () => await alone(async () => savedTrainer(await store.read(), steps)),
    load: async (bytes, file = "the file") => {
      await alone(async () => {
        const values = await store.read();
        steps = loadTrainer(values, bytes, file);
        store.write(values);
      });
    },
    destroy: () => {
      plan.destroy();
      predictor?.destroy();
      store.destroy();
    },
  };
}

interface CheckedOptions {
  readonly loss: Value;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly schedule: Schedule;
  readonly optimizer: ReturnType<typeof optimizerOf>;
  readonly max_norm: number;
  readonly seed: number;
}

const REQUIRED = { loss: "value", learning_rate: "any" } as const;
const OPTIONAL = {
  outputs: "value",
  optimizer: "any",
  max_norm: "number",
  seed: "number",
  compile: "any",
} as const satisfies Record<Exclude<keyof TrainerOptions, keyof typeof REQUIRED>, unknown>;

function checkedOptions(g: Graph, options: TrainerOptions): CheckedOptions {
  checkOptions("trainer", options, REQUIRED, OPTIONAL);
  const { outputs = {}, optimizer, compile: compiling, learning_rate } = options;
  if (compiling !== undefined) checkCompileOptions(compiling);
  const { loss, max_norm = 0, seed = 0 } = options;
  if (loss?.graph !== g) throw new InputError("trainer: loss: expected a value of this graph");
  if (size(loss.shape) !== 1) {
    throw new InputError(
      `trainer: loss ${loss.name}${formatShape(loss.shape)} is not one number; take its mean`,
    );
  }
  if (max_norm < 0) throw new InputError(`trainer: max_norm is ${max_norm}; expected 0 or more`);
  if (g.nodes.some((node) => node.outputs.length === 0)) {
    throw new InputError("trainer: the graph has an update already; build another graph");
  }
  for (const name of [LOSS, NORM]) {
    if (Object.hasOwn(outputs, name)) {
      throw new InputError(`trainer: outputs: ${name} is given anyway; choose another name`);
    }
  }
  return {
    loss,
    outputs,
    schedule: scheduleOf("trainer", learning_rate),
    optimizer: optimizerOf(optimizer ?? { kind: "adamw" }),
    max_norm,
    seed,
  };
}

/** Adds gradients and update to the graph; returns what a step computes. */
function trainingRequest(
  g: Graph,
  loss: Value,
  outputs: Readonly<Record<string, Value>>,
  optimizer: CheckedOptions["optimizer"],
  max_norm: number,
): Request {
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm });
  optimizer.update(g, norm);
  return { outputs: { ...outputs, [LOSS]: loss, [NORM]: norm }, gradients };
}

function refuseOwn(scalars: HostScalars, own: HostScalars): void {
  const taken = Object.keys(scalars).find((name) => Object.hasOwn(own, name));
  if (taken === undefined) return;
  throw new InputError(`the step scalar ${taken} is set by the trainer; leave it out`);
}

/** A prediction must not move running statistics. */
function refuseStateful({ dispatches }: Plan): void {
  for (const { op, call } of dispatches) {
    for (const { name, access } of call.kernel.shader.bindings) {
      const source = call.bindings[name].value?.source;
      if (access !== "inout" || source?.kind !== "state") continue;
      throw new InputError(
        `predict: ${op} of the training graph changes the state ${call.bindings[name].name}; build ` +
          "another graph for predictions, with parameters of the same names, and compile it over " +
          "the trainer's store",
      );
    }
  }
}

/** The inputs with zeros for those that no output depends on. */
function withUnneeded(
  g: Graph,
  { dispatches }: Plan,
  outputs: Readonly<Record<string, Value>>,
  inputs: HostInputs,
): HostInputs {
  const needed = new Set(
    dispatches.flatMap(({ call }) => Object.values(call.bindings).map(({ value }) => value)),
  );
  for (const value of Object.values(outputs)) needed.add(value);
  const unneeded = g.inputs.filter((input) => !needed.has(input) && !(input.name in inputs));
  const zeros = unneeded.map(({ name, shape }) => [name, new Float32Array(size(shape))]);
  return { ...Object.fromEntries(zeros), ...inputs } as HostInputs;
}

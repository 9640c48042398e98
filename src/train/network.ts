// The two graphs of a run: the training step (forward, losses, gradients, update) and the
// prediction. Both name their parameters alike, so that they share one store.
import { ringPairs, type ImageSize } from "../data/camera.ts";
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import { losses, type Losses, type Targets } from "../distill/losses.ts";
import { OVERLAP_WEIGHTS } from "../distill/overlap.ts";
import type { TeacherValues } from "../distill/teacher_values.ts";
import type { Request } from "../graph/request.ts";
import { graph, type Graph } from "../graph/graph.ts";
import { adamw, gradNorm } from "../graph/ops/adamw.ts";
import { resizeBilinear } from "../graph/ops/resize.ts";
import type { Value } from "../graph/value.ts";
import type { Precision } from "../engine/tuning.ts";
import { student, type StudentOutput } from "../student/student.ts";
import { mapChannels, mapInput, type TeacherMap, type TeacherParts } from "../teacher/teacher.ts";
import type { Shape } from "../tensor/shape.ts";
import type { TrainConfig } from "./config.ts";
import { headOf, sharedHeadOf } from "./head.ts";
import {
  clippedAndScaled,
  scaledGradients,
  scalingOf,
  type Scaling,
} from "../graph/ops/loss_scale.ts";
import { meanGradients, meanLosses, rigOf, sharing } from "./passes.ts";
import { outputSize } from "./output_size.ts";
import { stepScalars } from "./schedule.ts";
import { momentsPerStep, passInput } from "./loading/step_moments.ts";

/** The facts besides the configuration that determine the shapes of a network. */
export interface NetworkShape {
  readonly views: number;
  readonly size: ImageSize;
  /** Depth in metres of a bin centre of 1: the cap of the data's protocol. */
  readonly depth_max_m: number;
  /** The parts of the teacher that come with each batch; null without a teacher. */
  readonly teacher: TeacherParts | null;
}

/** A graph and the request to compute. */
export interface Network {
  readonly g: Graph;
  readonly request: Request;
  /** Of its intermediates; f32 if it does not say. */
  readonly precision?: Precision;
  /** Whether cheap results are computed again for the gradients; false if it does not say. */
  readonly recompute?: boolean;
}

/** The training graph before its update: the part that `check` compares with the CPU. */
export interface LossNetwork extends Network {
  readonly output: StudentOutput;
  readonly losses: Losses;
  /** Gradient of the loss with respect to each parameter, times the scale of the loss. */
  readonly gradients: ReadonlyMap<Value, Value>;
  /** The scale of the loss and its steps, as states; null where the loss is not scaled. */
  readonly scaling: Scaling | null;
}

export { outputSize };

/** The inputs of a model: images [V,H,W,4], focal_scale [V], and what the teacher gives. */
export interface ModelInputs {
  readonly images: Value;
  readonly focal_scale: Value;
  readonly teacher: TeacherValues | null;
}

/** The model that a run trains: a network from the inputs of a step to bins and depth. */
export interface Model {
  readonly build: (
    g: Graph,
    config: TrainConfig,
    head: BinHeadConfig,
    inputs: ModelInputs,
    training: boolean,
  ) => StudentOutput;
  /** Whether the teacher's maps are distilled; otherwise the model sees them beside the images. */
  readonly isDistilled: boolean;
}

const STUDENT: Model = {
  build: (g, config, head, { images, focal_scale }, training) =>
    student(g, config.student, head, images, focal_scale, training, {
      shared: sharedHeadOf(config),
      attention: config.student_attention,
      // A prediction has one rig.
      rigs: training ? config.rigs_per_step : 1,
    }),
  isDistilled: true,
};

/** Forward pass, losses and gradients of one training step; of a student unless `model` is given. */
export function lossNetwork(
  config: TrainConfig,
  shape: NetworkShape,
  model: Model = STUDENT,
): LossNetwork {
  const g = graph();
  const shared = momentsPerStep(config) === 1 ? g : sharing(g);
  const scaling = config.precision === "f16" ? scalingOf(g) : null;
  // Each pass is complete, with its gradients, before the next one begins: it needs their memory.
  const passes = Array.from({ length: config.accumulate }, (_, pass) => {
    const found = passLosses(shared, config, shape, model, pass);
    return { ...found, gradients: scaledGradients(g, found.losses.total, scaling) };
  });
  const [{ output }] = passes;
  const loss = meanLosses(passes.map(({ losses: one }) => one));
  const gradients = meanGradients(passes.map((pass) => pass.gradients));
  // The schedule sets them all, whichever terms this loss has.
  for (const name of Object.keys(stepScalars(config, 1))) g.scalar(name);
  const request = {
    outputs: { loss: loss.total, ...loss.terms, valid_count: loss.valid_count },
    gradients,
  };
  const { precision, recompute } = config;
  return { g, request, precision, recompute, output, losses: loss, gradients, scaling };
}

/** Forward pass and losses of the moments that one pass takes: the mean of their losses. */
function passLosses(
  g: Graph,
  config: TrainConfig,
  shape: NetworkShape,
  model: Model,
  pass: number,
): { readonly output: StudentOutput; readonly losses: Losses } {
  const { size, depth_max_m } = shape;
  const rigs = config.rigs_per_step;
  const views = rigs * shape.views;
  const full = [views, size.height, size.width];
  const input = (name: string, axes: Shape): Value => g.input(passInput(name, pass), axes);
  const images = input("images", [...full, 4]);
  const focal_scale = input("focal_scale", [views]);
  const teacher = teacherValues(input, { ...shape, views }, config.head.bins);
  const inputs = { images, focal_scale, teacher };
  const output = model.build(g, config, headOf(config, depth_max_m), inputs, true);
  const targets: Targets = {
    depth_m: input("depth_m", [...full, 1]),
    valid: input("valid", [...full, 1]),
    usable: input("usable", [...full, 1]),
    teacher: model.isDistilled ? teacher : null,
    overlap_weights: overlapValue(input, shape, config),
  };
  // The relations of a ring must not join two rigs, so each rig has losses of its own.
  const each = Array.from({ length: rigs }, (_, rig) => {
    const part = rigOf(rig, rigs);
    return losses(g, part.output(output), part.targets(targets), config.loss);
  });
  return { output, losses: meanLosses(each) };
}

/** The input with the weights of the relation `overlap`; null where there is none. */
function overlapValue(
  input: MakeInput,
  { views, teacher }: NetworkShape,
  { loss: { relation, relation_grid }, rigs_per_step }: Pick<TrainConfig, "loss" | "rigs_per_step">,
): Value | null {
  const [rows, columns] = relation_grid;
  if (teacher === null || relation !== "overlap") return null;
  const tokens = rows * columns;
  return input(OVERLAP_WEIGHTS, [rigs_per_step * ringPairs(views).length, tokens, tokens]);
}

/** Declares an input of a pass. */
type MakeInput = (name: string, shape: Shape) => Value;

/** An input of the graph for each map that the teacher declares. */
function teacherValues(
  make: MakeInput,
  { views, size, teacher }: NetworkShape,
  bins: number,
): TeacherValues | null {
  if (teacher === null) return null;
  const { height, width } = outputSize(size);
  const channels = mapChannels(teacher, bins);
  const input = (map: TeacherMap): Value | null => {
    const count = channels.get(map);
    return count === undefined ? null : make(mapInput(map), [views, height, width, count]);
  };
  const [pi, t] = [input("pi"), input("t")];
  return {
    index: input("index"),
    binomial: pi === null || t === null ? null : { pi, t },
    centers: input("centers"),
    embedding: input("embedding"),
    depth_m: input("depth_m"),
    mask: input("mask"),
  };
}

/** `lossNetwork` and the length of its gradient, without an update. */
export function gradientNetwork(
  config: TrainConfig,
  shape: NetworkShape,
  model: Model = STUDENT,
): LossNetwork & { readonly norm: Value } {
  const network = lossNetwork(config, shape, model);
  const { g, request, scaling } = network;
  const { max_norm } = config.optimizer;
  const norm = gradNorm(g.arena("gradients"), { max_norm: scaling === null ? max_norm : 0 });
  const outputs: Record<string, Value> = { ...request.outputs, gradient_norm: norm };
  if (scaling !== null) {
    outputs["loss_scale"] = clippedAndScaled(norm, scaling, max_norm);
  }
  return { ...network, norm, request: { ...request, outputs } };
}

/** The whole training step: `gradientNetwork` and the AdamW update of every parameter. */
export function trainingNetwork(
  config: TrainConfig,
  shape: NetworkShape,
  model: Model = STUDENT,
): LossNetwork {
  const network = gradientNetwork(config, shape, model);
  const { beta1, beta2, epsilon, weight_decay } = config.optimizer;
  adamw(network.g, network.norm, { beta1, beta2, epsilon, weight_decay });
  return network;
}

/** Prediction: depth in metres at the size of the images. */
export function predictionNetwork(
  config: TrainConfig,
  shape: Omit<NetworkShape, "teacher">,
): Network {
  const g = graph();
  const { views, size, depth_max_m } = shape;
  const images = g.input("images", [views, size.height, size.width, 4]);
  const focal_scale = g.input("focal_scale", [views]);
  const inputs = { images, focal_scale, teacher: null };
  const output = STUDENT.build(g, config, headOf(config, depth_max_m), inputs, false);
  const depth_m = resizeBilinear(output.depth_m, [size.height, size.width], "half_pixel");
  return { g, request: { outputs: { depth_m } } };
}

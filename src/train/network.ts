// The two graphs of a run: the training step (forward, losses, gradients, update) and the
// prediction. Both name their parameters alike, so that they share one store.
import type { ImageSize } from "../data/camera.ts";
import { losses, type Losses } from "../distill/losses.ts";
import { indexTeacher } from "../distill/teacher_values.ts";
import type { Request } from "../graph/request.ts";
import { graph, type Graph } from "../graph/graph.ts";
import { adamw, gradNorm } from "../graph/ops/adamw.ts";
import { resizeBilinear } from "../graph/ops/resize.ts";
import type { Value } from "../graph/value.ts";
import { student, type StudentOutput } from "../student/student.ts";
import { headOf, type TrainConfig } from "./config.ts";
import { stepScalars } from "./schedule.ts";

/** The facts besides the configuration that determine the shapes of a network. */
export interface NetworkShape {
  readonly views: number;
  readonly size: ImageSize;
  /** Depth in metres of a bin centre of 1: the cap of the data's protocol. */
  readonly depth_max_m: number;
  /** Whether each batch comes with the teacher's relative depth. */
  readonly teacher: boolean;
}

/** A graph and the request to compute. */
export interface Network {
  readonly g: Graph;
  readonly request: Request;
}

/** The training graph before its update: the part that `check` compares with the CPU. */
export interface LossNetwork extends Network {
  readonly output: StudentOutput;
  readonly losses: Losses;
  /** Gradient of the loss with respect to each parameter. */
  readonly gradients: ReadonlyMap<Value, Value>;
}

/** Size of the student's output, and of the teacher's map: half the images. */
export function outputSize({ height, width }: ImageSize): ImageSize {
  return { height: height / 2, width: width / 2 };
}

/** Forward pass, losses and gradients of one training step. */
export function lossNetwork(config: TrainConfig, shape: NetworkShape): LossNetwork {
  const g = graph();
  const { views, size, depth_max_m } = shape;
  const full = [views, size.height, size.width];
  const half = outputSize(size);
  const images = g.input("images", [...full, 4]);
  const focal_scale = g.input("focal_scale", [views]);
  const output = student(g, config.student, headOf(config, depth_max_m), images, focal_scale, true);
  const targets = {
    depth_m: g.input("depth_m", [...full, 1]),
    valid: g.input("valid", [...full, 1]),
    usable: g.input("usable", [...full, 1]),
    teacher: shape.teacher
      ? indexTeacher(g.input("teacher", [views, half.height, half.width, 1]))
      : null,
  };
  const loss = losses(g, output, targets, config.loss);
  const gradients = g.gradients(loss.total);
  // The schedule sets them all, whichever terms this loss has.
  for (const name of Object.keys(stepScalars(config, 1))) g.scalar(name);
  const request = {
    outputs: { loss: loss.total, ...loss.terms, valid_count: loss.valid_count },
    gradients,
  };
  return { g, request, output, losses: loss, gradients };
}

/** The whole training step: `lossNetwork` and the AdamW update of every parameter. */
export function trainingNetwork(config: TrainConfig, shape: NetworkShape): LossNetwork {
  const network = lossNetwork(config, shape);
  const { g, request } = network;
  const { beta1, beta2, epsilon, weight_decay, max_norm } = config.optimizer;
  const norm = gradNorm(g.arena("gradients"), { max_norm });
  adamw(g, norm, { beta1, beta2, epsilon, weight_decay });
  return {
    ...network,
    request: { ...request, outputs: { ...request.outputs, gradient_norm: norm } },
  };
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
  const output = student(
    g,
    config.student,
    headOf(config, depth_max_m),
    images,
    focal_scale,
    false,
  );
  const depth_m = resizeBilinear(output.depth_m, [size.height, size.width], "half_pixel");
  return { g, request: { outputs: { depth_m } } };
}

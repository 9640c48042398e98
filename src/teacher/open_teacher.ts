// Picks the teacher that a configuration names.
import type { Gpu } from "../gpu/device.ts";
import { InputError } from "../tensor/error.ts";
import { checkNames, checkOptions } from "../tensor/options.ts";
import { alignedTeacher } from "./aligned_teacher.ts";
import { builtinModel } from "./builtin_teacher.ts";
import { fileModel, fileTeacher } from "./file_teacher.ts";
import {
  openFoundationModel,
  type FoundationChoice,
  type FoundationModel,
} from "./foundation/foundation_model.ts";
import {
  foundationRelative,
  foundationTeacher,
  type ImageSource,
} from "./foundation/foundation_teacher.ts";
import type { MetricScale } from "./metric_maps.ts";
import { oracleTeacher } from "./oracle_teacher.ts";
import { relativeTeacher, type RelativeModel } from "./relative_model.ts";
import type { Teacher } from "./teacher.ts";

/** A model whose maps have no metres. */
type ModelKind = "auto" | "builtin" | "files" | "foundation";

/** The teacher's part of the configuration. */
export interface TeacherChoice {
  readonly kind: ModelKind | "aligned" | "oracle" | "none";
  readonly path: string | null;
  /** The model under an aligned teacher (default auto, which is also that of `aligned`). */
  readonly base?: ModelKind | "aligned";
  /** The network of a foundation teacher. */
  readonly foundation?: FoundationChoice | null;
}

/** The needs of a teacher that knows metres. */
export interface MetricContext {
  readonly scale: MetricScale;
  /** K of the student, for files that have bins of their own. */
  readonly bins?: number;
  /** Told once of views that the teacher cannot use. */
  readonly onMessage?: ((message: string) => void) | undefined;
  /** The device of a foundation model and its images. */
  readonly device?: FoundationContext;
}

/** The device of a foundation model, and the images that it sees. */
export interface FoundationContext {
  readonly gpu: () => Gpu;
  /** The images for a network that sees them at some size. */
  readonly images: (inputSize: FoundationModel["inputSize"]) => ImageSource;
}

const OPTIONAL = { base: "text", foundation: "any" } as const satisfies Record<
  Exclude<keyof TeacherChoice, "kind" | "path">,
  unknown
>;
const METRIC = ["scale", "bins", "onMessage", "device"] as const satisfies (keyof MetricContext)[];

/**
 * The teacher of a run on `data`, or null without one. `auto` is the files at `path` if it is
 * given, the network of `foundation` if that is, the built-in teacher for the built-in rig, else none. Kinds aligned and oracle, and files
 * with metres or bins, need `metric`. Throws InputError where the choice does not fit.
 */
export async function openTeacher(
  choice: TeacherChoice,
  data: string,
  seed: number,
  metric?: MetricContext,
): Promise<Teacher | null> {
  checkOptions("openTeacher", choice, { kind: "text", path: "any" }, OPTIONAL);
  if (metric !== undefined) checkNames("openTeacher: metric", metric, METRIC);
  const { kind, path, base = "auto" } = choice;
  if (kind === "none") return null;
  if (path !== null && (kind === "files" || kind === "auto")) {
    const { bins, scale } = metric ?? {};
    const units = bins === undefined || scale === undefined ? undefined : { bins, scale };
    return await fileTeacher(path, units);
  }
  const isFoundation = kind === "foundation" || (kind === "auto" && isGiven(choice.foundation));
  if (!isFoundation && kind !== "aligned" && kind !== "oracle") {
    const model = await openModel(kind, choice, data, seed, metric);
    return model && relativeTeacher(model);
  }
  if (metric === undefined)
    throw new InputError(`teacher.kind ${kind} needs the scale of the data`);
  if (isFoundation) {
    const { model, source } = await openFoundation(choice, metric);
    return foundationTeacher(model, source, metric.scale);
  }
  if (kind === "oracle") {
    if (data !== "rig") {
      throw new InputError(
        `teacher.kind oracle needs data rig, which has dense truth, not ${data}`,
      );
    }
    return oracleTeacher(metric.scale);
  }
  const under = base === "aligned" ? "auto" : base;
  const model = await openModel(under, choice, data, seed, metric);
  if (model !== null) return alignedTeacher(model, metric.scale, metric.onMessage);
  throw new InputError(
    `teacher.kind aligned on ${data} needs a base: give teacher.path, a folder of relative maps, or ` +
      `teacher.weights, a foundation model`,
  );
}

async function openModel(
  kind: ModelKind,
  choice: TeacherChoice,
  data: string,
  seed: number,
  context: MetricContext | undefined,
): Promise<RelativeModel | null> {
  const { path, foundation } = choice;
  if (kind === "files" || (kind === "auto" && path !== null)) {
    if (path === null)
      throw new InputError("teacher.kind is files: give teacher.path, the folder of its maps");
    return await fileModel(path);
  }
  if (kind === "foundation" || (kind === "auto" && isGiven(foundation))) {
    const { model, source } = await openFoundation(choice, context);
    return foundationRelative(model, source);
  }
  if (kind === "builtin" || data === "rig") {
    if (data !== "rig") throw new InputError(`teacher.kind builtin needs data rig, not ${data}`);
    return builtinModel(seed);
  }
  return null;
}

function isGiven(choice: TeacherChoice["foundation"]): choice is FoundationChoice {
  return choice !== null && choice !== undefined;
}

/** Opens the network of a choice and the images that it sees; throws InputError where there is none. */
async function openFoundation(
  { foundation }: TeacherChoice,
  context: MetricContext | undefined,
): Promise<{ readonly model: FoundationModel; readonly source: ImageSource }> {
  if (!isGiven(foundation)) {
    throw new InputError(
      "teacher.kind is foundation: give teacher.weights, a .safetensors file of Depth Anything",
    );
  }
  if (context?.device === undefined) {
    throw new InputError("teacher.kind foundation needs a device to run on");
  }
  const { gpu, images } = context.device;
  const model = await openFoundationModel(foundation, gpu);
  if (model.assumed !== null) context.onMessage?.(model.assumed);
  return { model, source: images(model.inputSize) };
}

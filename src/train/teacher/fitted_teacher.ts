// The fitted teacher: a frozen foundation model with a binning module that was trained on LiDAR. It
// gives (pi, t), the centres and the embedding of its bins, which the method is defined on.
import { createHash } from "node:crypto";
import { makeBatch, NORMALIZATION } from "../../data/batch.ts";
import type { ImageSize } from "../../data/camera.ts";
import type { DataSource } from "../../data/data_source.ts";
import { sampleShape, type RigSample } from "../../data/rig_sample.ts";
import { ALL_PARTS, type WantedParts } from "../../distill/wanted_parts.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile, type Plan } from "../../graph/plan.ts";
import { createStore } from "../../graph/store.ts";
import { HEAD_WIDTHS } from "../../student/student.ts";
import { checkedMaps } from "../../teacher/checked_teacher.ts";
import { oneAtATime } from "../../teacher/one_at_a_time.ts";
import { mapInput, type Teacher, type TeacherMaps } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { formatConfig } from "../config/text.ts";
import { readModule } from "../student_file.ts";
import type { StudentFile } from "../trained/student_bytes.ts";
import { moduleConfig } from "./fit.ts";
import { moduleNetwork, moduleParts } from "./module_network.ts";

/** The parts of a module that its maps depend on. */
type Module = Pick<StudentFile, "config" | "depth_max_m" | "origin" | "load">;

/** The needs of a fitted teacher beside its file. */
export interface FittedOptions {
  /** The device in use; a run may replace it. */
  readonly gpu: () => Gpu;
  /** The frozen model whose relative maps the module sees. */
  readonly base: Teacher;
  /** The scale of the student's centres. */
  readonly source: Pick<DataSource, "protocol" | "focalReference_px">;
  /** K of the student. */
  readonly bins: number;
  /** The parts that are read; all by default. */
  readonly wanted?: WantedParts;
}

/**
 * Opens a fitted teacher from `path`, its file or the folder of its run. Throws InputError if the
 * file is not a module, was fitted on another base, or has another number of bins.
 */
export async function fittedTeacher(path: string, options: FittedOptions): Promise<Teacher> {
  const module = await readModule(path);
  const { base, bins } = options;
  const { config } = module;
  const own = module.metadata["base"];
  if (own !== base.name) {
    throw new InputError(
      `${path}: was fitted on the maps of ${own}, but teacher.base gives those of ${base.name}`,
    );
  }
  if (config.head.bins !== bins) {
    throw new InputError(
      `${path}: has ${config.head.bins} bins, but the student has ${bins}; set head.bins to ` +
        `${config.head.bins}, or fit another teacher`,
    );
  }
  return teacherWith(module, createHash("sha256").update(module.bytes).digest("hex"), options);
}

/**
 * A fitted teacher with the weights that a fit begins with: for a step that is measured or checked,
 * whose cost does not depend on them. `config` is that of the student.
 */
export function untrainedTeacher(
  config: TrainConfig,
  source: DataSource,
  options: FittedOptions,
): Teacher {
  const { protocol, focalReference_px } = source;
  const scale = { protocol, focalReference_px, normalization: NORMALIZATION };
  const module = {
    config: moduleConfig(config),
    depth_max_m: protocol.cap_m,
    origin: { scale, cameras: null, moments: null },
    load: () => {},
  };
  return teacherWith(module, `untrained ${formatConfig(module.config)}`, options);
}

function teacherWith(
  module: Module,
  digest: string,
  { gpu, base, source, bins, wanted = ALL_PARTS }: FittedOptions,
): Teacher {
  const { config, depth_max_m, origin } = module;
  // Its centres in the student's units: metres over depth_max_m and the focal scale.
  const unit =
    (depth_max_m / source.protocol.cap_m) *
    (source.focalReference_px / origin.scale.focalReference_px);
  const ofBase = base.identity;
  const { embedding } = HEAD_WIDTHS[config.student];
  const runner = moduleRunner(gpu, module, wanted);
  return {
    name: `fitted on ${base.name}`,
    parts: { ...moduleParts(embedding, wanted), mask: base.parts.mask },
    module: digest,
    ...(ofBase && {
      identity: async (sample) =>
        JSON.stringify(["fitted", digest, unit, wanted, await ofBase(sample)]),
    }),
    maps: oneAtATime(async (sample: RigSample, size: ImageSize) => {
      const [, height, width] = sampleShape(sample);
      if (height !== 2 * size.height || width !== 2 * size.width) {
        throw new InputError(
          `sample ${sample.id}: ${height}x${width}; a fitted teacher gives maps of half that size, ` +
            `not ${size.height}x${size.width}`,
        );
      }
      const { index, mask } = await checkedMaps(base, sample, size, bins);
      if (index === undefined) {
        throw new InputError(`teacher ${base.name}: gives no relative depth to fit bins on`);
      }
      const { images, focal_scale } = makeBatch(sample, origin.scale, null);
      const plan = await runner.plan(sample.cameras.length, { height, width });
      const maps: TeacherMaps = await plan.run({ images, focal_scale, [mapInput("index")]: index });
      return {
        ...maps,
        ...(maps.centers && { centers: maps.centers.map((c) => c * unit) }),
        ...(mask && { mask }),
      };
    }),
    close: runner.close,
  };
}

/** Keeps the module compiled for one rig on one device; compiles it again when either changes. */
function moduleRunner(
  gpu: () => Gpu,
  module: Module,
  wanted: WantedParts,
): {
  readonly plan: (views: number, size: ImageSize) => Promise<Plan>;
  readonly close: () => void;
} {
  let open: { readonly key: string; readonly on: Gpu; readonly ready: Promise<Compiled> } | null =
    null;
  const close = (): void => {
    const last = open;
    open = null;
    last?.ready.then(({ destroy }) => destroy()).catch(() => undefined);
  };
  return {
    plan: async (views, size) => {
      const key = `${views} ${size.height}x${size.width}`;
      const on = gpu();
      if (open === null || open.key !== key || open.on !== on) {
        close();
        open = { key, on, ready: compiled(on, module, views, size, wanted) };
      }
      return (await open.ready).plan;
    },
    close,
  };
}

interface Compiled {
  readonly plan: Plan;
  readonly destroy: () => void;
}

async function compiled(
  gpu: Gpu,
  { config, depth_max_m, load }: Module,
  views: number,
  size: ImageSize,
  wanted: WantedParts,
): Promise<Compiled> {
  const { g, request } = moduleNetwork(config, { views, size, depth_max_m }, wanted);
  const values = initialStore(g, config.seed);
  load(values);
  const store = createStore(gpu, g, values);
  try {
    const plan = await compile(gpu, g, request, store);
    return {
      plan,
      destroy: () => {
        plan.destroy();
        store.destroy();
      },
    };
  } catch (error) {
    store.destroy();
    throw error;
  }
}

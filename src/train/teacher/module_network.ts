// The binning module of a fitted teacher: the network of a student that also sees the relative map of
// a frozen foundation model (the base), trained on LiDAR and then frozen itself. ZoeDepth (Bhat et al.
// 2023) joins relative depth in the same way; src/distill/README.md has the definitions.
import type { ImageSize } from "../../data/camera.ts";
import { indexTeacher } from "../../distill/teacher_values.ts";
import { ALL_PARTS, type WantedParts } from "../../distill/wanted_parts.ts";
import { graph } from "../../graph/graph.ts";
import type { Value } from "../../graph/value.ts";
import { student, type StudentOutput } from "../../student/student.ts";
import { INDEX_ONLY, mapInput, type TeacherMap, type TeacherParts } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { headOf } from "../head.ts";
import { outputSize, type Model, type ModelInputs, type Network } from "../network.ts";

/** The module as a run trains it: the base's map is an input, and it learns from LiDAR alone. */
export const MODULE: Model = {
  build: (g, config, head, inputs, training) => {
    if (head.kind !== "metric_bins") {
      throw new InputError(
        `head.kind is ${head.kind}, which has no pi and t; a fitted teacher needs metric_bins`,
      );
    }
    const { images, focal_scale } = inputs;
    return student(g, config.student, head, images, focal_scale, training, {
      relative: relativeOf(inputs),
      attention: config.student_attention,
      rigs: training ? config.rigs_per_step : 1,
    });
  },
  isDistilled: false,
};

/** The parts of a fitted teacher, of which its user wants some, with an embedding `embedding` wide. */
export function moduleParts(embedding: number, wanted: WantedParts): TeacherParts {
  const { centers, depth_m } = wanted;
  const width = wanted.embedding ? embedding : 0;
  return { ...INDEX_ONLY, index: false, binomial: true, centers, embedding: width, depth_m };
}

/** The frozen module: its outputs are the maps of a teacher, by their names. */
export function moduleNetwork(
  config: TrainConfig,
  shape: { readonly views: number; readonly size: ImageSize; readonly depth_max_m: number },
  wanted: WantedParts = ALL_PARTS,
): Network & { readonly output: StudentOutput } {
  const g = graph();
  const { views, size, depth_max_m } = shape;
  const half = outputSize(size);
  const output = MODULE.build(
    g,
    config,
    headOf(config, depth_max_m),
    {
      images: g.input("images", [views, size.height, size.width, 4]),
      focal_scale: g.input("focal_scale", [views]),
      teacher: indexTeacher(g.input(mapInput("index"), [views, half.height, half.width, 1])),
    },
    false,
  );
  const { binomial, centers, embedding, depth_m } = output;
  if (binomial === null) throw new Error("a head of metric bins has pi and t");
  const { pi, t } = binomial;
  const outputs: Partial<Record<TeacherMap, Value>> = {
    pi,
    t,
    ...(wanted.centers && { centers }),
    ...(wanted.embedding && { embedding }),
    ...(wanted.depth_m && { depth_m }),
  };
  return { g, request: { outputs }, output };
}

/** The base's map; throws InputError for a base that gives none. */
function relativeOf({ teacher }: ModelInputs): Value {
  if (teacher?.index) return teacher.index;
  throw new InputError(
    "a fitted teacher needs a base that gives relative depth: set teacher.base to builtin, files or foundation",
  );
}

// The interface of every teacher: the maps that it gives for a moment, part by part. A soft-binned map of a
// foundation model and the (pi, t) of a trained binning module fit the same interface, since both
// become logits over bins in the graph.
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";

/**
 * The parts that a teacher declares, all at the size h x w of the student's output. One of them is
 * `index` or `binomial`.
 */
export interface TeacherParts {
  /** `[V,h,w,1]` place of a pixel among the bins, in [0, 1] ascending with distance. */
  readonly index: boolean;
  /** `[V,h,w,1]` each: pi and t of a trained binning module. */
  readonly binomial: boolean;
  /** `[V,h,w,K]` bin centres in units of `depth_max_m`, before the focal scale. */
  readonly centers: boolean;
  /** E of the embedding or tokens `[V,h,w,E]`, 0 for none. */
  readonly embedding: number;
  /** `[V,h,w,1]` depth in metres, 0 for none. */
  readonly depth_m: boolean;
  /** `[V,h,w,1]` 1 where the teacher counts, 0 elsewhere. */
  readonly mask: boolean;
}

/** The names of the maps that a teacher may give. */
export const TEACHER_MAPS = [
  "index",
  "pi",
  "t",
  "centers",
  "embedding",
  "depth_m",
  "mask",
] as const;
/** One of them. */
export type TeacherMap = (typeof TEACHER_MAPS)[number];

/** The maps of one moment: those that the teacher declares, and no other. */
export type TeacherMaps = Partial<Record<TeacherMap, Float32Array>>;

/** A source of knowledge for a student beside LiDAR. */
export interface Teacher {
  /** Its name in reports. */
  readonly name: string;
  readonly parts: TeacherParts;
  /** The declared maps of a moment at the size of the student's output. */
  readonly maps: (sample: RigSample, size: ImageSize) => Promise<TeacherMaps>;
  /**
   * Everything besides the sample and the size that its maps of this sample depend on, as a text.
   * The maps of a teacher without it are never kept.
   */
  readonly identity?: (sample: RigSample) => Promise<string>;
  /** Hash of the trained module that gives the maps; absent for a teacher without one. */
  readonly module?: string;
  /** Frees what the teacher holds on a device. */
  readonly close?: () => void;
}

/** The parts of a teacher that gives the place of a pixel among the bins and nothing else. */
export const INDEX_ONLY: TeacherParts = {
  index: true,
  binomial: false,
  centers: false,
  embedding: 0,
  depth_m: false,
  mask: false,
};

/** The channels of each declared map, in a fixed order; `bins` is K of the student. */
export function mapChannels(parts: TeacherParts, bins: number): Map<TeacherMap, number> {
  const channels: Readonly<Record<TeacherMap, number>> = {
    index: parts.index ? 1 : 0,
    pi: parts.binomial ? 1 : 0,
    t: parts.binomial ? 1 : 0,
    centers: parts.centers ? bins : 0,
    embedding: parts.embedding,
    depth_m: parts.depth_m ? 1 : 0,
    mask: parts.mask ? 1 : 0,
  };
  return new Map(
    TEACHER_MAPS.map((name) => [name, channels[name]] as const).filter(([, n]) => n > 0),
  );
}

/** The input of a step's graph that takes a map. */
export function mapInput(map: TeacherMap): string {
  return map === "index" ? "teacher" : `teacher_${map}`;
}

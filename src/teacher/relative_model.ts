// A foundation model whose maps have no metres, and the teacher that it becomes once each view is
// normalised by itself.
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { normalizeRelative, usableAt, type RelativeKind } from "./relative_depth.ts";
import { INDEX_ONLY, type Teacher } from "./teacher.ts";

/** A source of relative maps. */
export interface RelativeModel {
  /** Its name in reports. */
  readonly name: string;
  readonly kind: RelativeKind;
  /** The maps `[V, h, w]` of a moment at some size, each view with a scale and shift of its own. */
  readonly maps: (sample: RigSample, size: ImageSize) => Promise<Float32Array>;
  /** As `Teacher.identity`. */
  readonly identity?: Teacher["identity"];
  /** As `Teacher.close`. */
  readonly close?: Teacher["close"];
}

/** View `view` of an array `[V, plane]`, without a copy. */
export function viewOf<A extends Float32Array | Uint8Array>(
  array: A,
  view: number,
  plane: number,
): A {
  return array.subarray(view * plane, (view + 1) * plane) as A;
}

/** The teacher whose index is the model's map, normalised over the usable pixels of each view. */
export function relativeTeacher({ name, kind, maps, identity, close }: RelativeModel): Teacher {
  return {
    name,
    parts: INDEX_ONLY,
    ...(identity && { identity }),
    ...(close && { close }),
    maps: async (sample, size) => {
      const [views, height, width] = sampleShape(sample);
      const plane = size.height * size.width;
      const index = await maps(sample, size);
      for (let view = 0; view < views; view++) {
        const world = viewOf(sample.usable, view, height * width);
        const usable = usableAt(world, { height, width }, size);
        index.set(normalizeRelative(viewOf(index, view, plane), kind, usable), view * plane);
      }
      return { index };
    },
  };
}

// Depth maps that no student predicts, ready for an evaluation: those of a folder and of a teacher.
import type { ImageSize } from "../data/camera.ts";
import type { DataSource } from "../data/data_source.ts";
import { fuseMirrored, mirrored } from "../evaluate/flip.ts";
import type { PredictedMaps, PredictionFolder } from "../evaluate/prediction_folder.ts";
import { checkedMaps } from "../teacher/checked_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import type { EvaluatedMaps } from "./evaluation.ts";
import { outputSize } from "./network.ts";

/**
 * The maps of a folder. Samples are loaded at `size`, or at that of the first moment's maps. With
 * `flipped`, the predictions of the mirrored images as the network gave them, both are fused.
 */
export async function folderMaps(
  folder: PredictionFolder,
  source: DataSource,
  size: ImageSize | undefined,
  flipped: PredictionFolder | null = null,
): Promise<EvaluatedMaps> {
  const { quantity, maps } = folder;
  if (flipped !== null && (quantity !== "metres" || flipped.quantity !== "metres")) {
    throw new InputError(
      `${folder.name}: holds ${quantity}; only depth in metres is fused with that of mirrored images`,
    );
  }
  const first = size ?? (await firstSize(folder, source));
  return {
    size: first,
    quantity,
    known: null,
    of: async (sample) => {
      const own = await maps(sample);
      return flipped === null ? own : fused(own, await flipped.maps(sample), sample.id);
    },
  };
}

function fused(own: PredictedMaps, other: PredictedMaps, id: string): PredictedMaps {
  const { size } = own;
  if (size.height !== other.size.height || size.width !== other.size.width) {
    throw new InputError(
      `sample ${id}: predicted at ${size.height}x${size.width}, its mirrored images at ` +
        `${other.size.height}x${other.size.width}; predict both at one size`,
    );
  }
  const values = fuseMirrored(own.values, mirrored(other.values, size, 1), size);
  // A fused depth counts where both of its parts do.
  const [mine, theirs] = [own.counts, other.counts && mirrored(other.counts, size, 1)];
  const both = mine && theirs && mine.map((value, i) => value * theirs[i]);
  const counts = both ?? mine ?? theirs;
  return { values, size, ...(counts && { counts }) };
}

async function firstSize(folder: PredictionFolder, source: DataSource): Promise<ImageSize> {
  const { cameras } = source;
  const { id } = await source.identify(0);
  return (await folder.maps({ id, cameras })).size;
}

/**
 * The metres of a teacher, or for a relative one its maps to align. A pixel without metres counts as
 * the cap; a pixel that the teacher masks does not count. Throws InputError for a teacher with
 * neither.
 */
export function teacherMaps(
  teacher: Teacher,
  { size, head }: Pick<TrainConfig, "size" | "head">,
  cap_m: number,
): EvaluatedMaps {
  const { depth_m: isMetric, index } = teacher.parts;
  if (!isMetric && !index) {
    throw new InputError(`teacher ${teacher.name}: gives neither metres nor relative depth`);
  }
  const half = outputSize(size);
  return {
    size,
    // An index falls as disparity rises.
    quantity: isMetric ? "metres" : "disparity",
    known: null,
    of: async (sample) => {
      const maps = await checkedMaps(teacher, sample, half, head.bins);
      const values = isMetric
        ? maps.depth_m!.map((value) => (value > 0 ? value : cap_m))
        : maps.index!.map((value) => 1 - value);
      return { values, size: half, ...(maps.mask && { counts: Uint8Array.from(maps.mask) }) };
    },
  };
}

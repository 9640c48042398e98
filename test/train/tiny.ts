// A tiny rig for tests of training: three cameras of random colours before a tilted wall, and the
// smallest configuration with every loss.
import { resizeIntrinsics, type Camera, type ImageSize } from "../../src/data/camera.ts";
import type { DataSource, Split } from "../../src/data/data_source.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import { checkedSample } from "../../src/data/rig_sample.ts";
import { builtinTeacher } from "../../src/teacher/builtin_teacher.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { resolveConfig, type TrainConfig } from "../../src/train/config.ts";

const MOMENTS = 4;

/** Four moments of three cameras; dense truth, a twentieth of it sparse. */
export function tinySource(split: Split): DataSource {
  const cameras: readonly Camera[] = NUSCENES_CAMERAS.slice(0, 3);
  return {
    name: "tiny",
    split,
    protocol: { name: "tiny", min_m: 0.1, cap_m: 80 },
    cameras,
    focalReference_px: 500,
    canTrain: true,
    count: MOMENTS,
    sample: async (index, size) => await Promise.resolve(sampleAt(index, size, cameras, split)),
    identify: async (index) =>
      await Promise.resolve({
        id: `tiny/${split}/${index}`,
        content: `tiny ${split.length} ${index}`,
      }),
    describe: () => "tiny",
  };
}

function sampleAt(
  index: number,
  size: ImageSize,
  native: readonly Camera[],
  split: Split,
): ReturnType<typeof checkedSample> {
  const random = randomStream(7, index, split.length);
  const plane = size.height * size.width;
  const pixels = native.length * plane;
  const dense_depth_m = Float32Array.from({ length: pixels }, (_, i) => {
    const row = Math.floor((i % plane) / size.width);
    return 3 + 30 * (1 - row / size.height) * (0.9 + 0.2 * random.uniform());
  });
  const sparse_depth_m = dense_depth_m.map((depth_m) => (random.uniform() < 0.05 ? depth_m : 0));
  const images = Uint8Array.from({ length: 3 * pixels }, () => 256 * random.uniform());
  const truth = (view: number): Float32Array =>
    dense_depth_m.slice(view * plane, (view + 1) * plane);
  return checkedSample({
    id: `tiny/${split}/${index}`,
    timestamp: String(index),
    cameras: native.map((camera) => resizeIntrinsics(camera, size)),
    images,
    sparse_depth_m,
    usable: new Uint8Array(pixels).fill(1),
    dense_depth_m,
    groundTruth: native.map((_, view) => ({
      ...size,
      pixels: Uint32Array.from({ length: plane }, (_pixel, i) => i),
      depth_m: truth(view),
    })),
  });
}

/** The teacher of the tiny rig. */
export const tinyTeacher: Teacher = builtinTeacher(0);

/** nano at 32x64 with all losses; `more` says what differs. */
export function tinyConfig(more: Record<string, unknown> = {}): TrainConfig {
  const small = {
    size: { height: 32, width: 64 },
    head: { bins: 16 },
    loss: { relation_grid: [2, 4] },
  };
  return resolveConfig({ ...small, ...more }, "tiny");
}

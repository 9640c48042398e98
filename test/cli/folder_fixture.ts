// A tiny folder data set on disk, for whole commands to run on: two cameras of 64 x 32 pixels, two
// moments to train on and one held out.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { writeNpy } from "../../src/formats/npy.ts";

const [HEIGHT, WIDTH] = [32, 64];
const MOMENTS = ["m0", "m1", "m2"];
const ROTATIONS = { front: [0.5, -0.5, 0.5, -0.5], rear: [0.5, -0.5, -0.5, 0.5] };

/** Writes the data set into `root`; without `depth` it can be predicted only. */
export async function writeFolder(root: string, depth: boolean): Promise<void> {
  const cameras = Object.entries(ROTATIONS).map(([name, rotation]) => {
    const pinhole = { fx: 50, fy: 50, cx: 31.5, cy: 15.5, rotation, translation_m: [0, 0, 1.5] };
    return { name, width: WIDTH, height: HEIGHT, ...pinhole };
  });
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "rig.json"), JSON.stringify({ cameras, held_out: ["m2"] }));
  for (const [m, moment] of MOMENTS.entries()) {
    for (const kind of depth ? ["images", "depth"] : ["images"]) {
      mkdirSync(join(root, kind, moment), { recursive: true });
    }
    for (const { name } of cameras) {
      const rgb = Uint8Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (7 * i + 90 * m) % 256);
      const image = sharp(rgb, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
      await image.jpeg().toFile(join(root, "images", moment, `${name}.jpg`));
      if (depth) {
        writeFileSync(
          join(root, "depth", moment, `${name}.npy`),
          writeNpy(ramp(), [HEIGHT, WIDTH]),
        );
      }
    }
  }
}

/** Ground below a wall: nearer towards the lower edge, 40 m at most. */
export function ramp(): Float32Array {
  return Float32Array.from({ length: HEIGHT * WIDTH }, (_, pixel) =>
    Math.min(40, 60 / (1 + Math.floor(pixel / WIDTH))),
  );
}

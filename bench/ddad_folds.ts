// Three ways round a scene of three moments: `npx tsx bench/ddad_folds.ts DDAD OUT`. Fold i of OUT
// is a data set in the format of DDAD that trains on two moments of the first scene and evaluates on
// moment i, with relative maps for a fitted teacher. Then, for each fold:
//   ringdepth ablate --data ddad:OUT/fold-0/data --config OUT/fold-0/config.yaml --out OUT/fold-0/cells
//
// No foundation model is at hand, so the maps are a substitute for one on the two training moments:
// their LiDAR, filled in along the edges of the image, and divided by a number of its own per view.
// The held-out moment has no map.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openData } from "../src/data/open_data.ts";
import { sampleShape } from "../src/data/rig_sample.ts";
import { writeNpy } from "../src/formats/npy.ts";

const SIZE = { height: 96, width: 160 };
const ROUNDS = 400;
// A difference of this many grey levels between two pixels halves what they share.
const EDGE = 6;

const [root, out] = process.argv.slice(2);
if (root === undefined || out === undefined) {
  throw new Error("usage: npx tsx bench/ddad_folds.ts DDAD OUT");
}

/** A scene file, as far as it is needed here. */
interface Scene {
  samples: unknown[];
}

const [folder] = readdirSync(root).filter((name) => name.startsWith("scene"));
const file = readdirSync(join(root, folder)).find((name) => /^scene_.*\.json$/.test(name))!;
const scene = JSON.parse(readFileSync(join(root, folder, file), "utf8")) as Scene;

for (const held of scene.samples.keys()) {
  const fold = join(out, `fold-${held}`);
  const data = join(fold, "data");
  const write = (name: string, samples: unknown[]): string => {
    const text = JSON.stringify({ ...scene, samples });
    writeFileSync(join(data, folder, name), text);
    return `${folder}/${name}`;
  };
  mkdirSync(data, { recursive: true });
  cpSync(join(root, folder), join(data, folder), { recursive: true });
  const [train, test] = [
    write(
      "scene_train.json",
      scene.samples.filter((_, i) => i !== held),
    ),
    write("scene_test.json", [scene.samples[held]]),
  ];
  const splits = { "0": { filenames: [train] }, "1": { filenames: [test] } };
  writeFileSync(join(data, "ddad.json"), JSON.stringify({ scene_splits: splits }));
  await writeMaps(data, join(fold, "maps"));
  writeFileSync(
    join(fold, "config.yaml"),
    `size: { height: 64, width: 96 }\nsteps: 200\nteacher: { path: ${join(fold, "maps")} }\n`,
  );
  console.log(
    `${fold}: trains on ${scene.samples.length - 1} moments, evaluates on moment ${held}`,
  );
}

/** Writes `DIR/SAMPLE/CAMERA.npy`, relative disparity, of every training moment. */
async function writeMaps(data: string, maps: string): Promise<void> {
  const source = await openData(`ddad:${data}`, { split: "train" });
  mkdirSync(maps, { recursive: true });
  writeFileSync(
    join(maps, "teacher.json"),
    JSON.stringify({ name: "LiDAR filled in along edges", kind: "disparity" }),
  );
  for (let i = 0; i < source.count; i++) {
    const sample = await source.sample(i, SIZE);
    const [views, height, width] = sampleShape(sample);
    const plane = height * width;
    for (let view = 0; view < views; view++) {
      const part = <T extends Float32Array | Uint8Array>(all: T, channels: number): T =>
        all.subarray(view * plane * channels, (view + 1) * plane * channels) as T;
      const disparity = filled(part(sample.sparse_depth_m, 1), part(sample.images, 3), width);
      const unit = Math.max(...disparity);
      const path = join(maps, sample.id, `${sample.cameras[view].name}.npy`);
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(
        path,
        writeNpy(
          disparity.map((value) => value / unit),
          [height, width],
        ),
      );
    }
  }
}

/** Disparity everywhere: each round a pixel without LiDAR takes the mean of similar neighbours. */
function filled(depth_m: Float32Array, rgb: Uint8Array, width: number): Float32Array {
  const known = depth_m.map((depth) => (depth > 0 ? 1 : 0));
  const grey = depth_m.map((_, i) => (rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3);
  const height = depth_m.length / width;
  const start = depth_m.reduce((sum, depth) => sum + (depth > 0 ? 1 / depth : 0), 0);
  const count = known.reduce((sum, one) => sum + one, 0);
  let disparity = depth_m.map((depth) => (depth > 0 ? 1 / depth : start / count));
  for (let round = 0; round < ROUNDS; round++) {
    const before = disparity;
    disparity = before.map((value, i) => {
      if (known[i] === 1) return value;
      const [row, column] = [Math.floor(i / width), i % width];
      const near = [
        ...(column > 0 ? [i - 1] : []),
        ...(column < width - 1 ? [i + 1] : []),
        ...(row > 0 ? [i - width] : []),
        ...(row < height - 1 ? [i + width] : []),
      ];
      let [sum, weight] = [0, 0];
      for (const j of near) {
        const share = 2 ** (-Math.abs(grey[i] - grey[j]) / EDGE) + 1e-3;
        sum += share * before[j];
        weight += share;
      }
      return sum / weight;
    });
  }
  return disparity;
}

// `ringdepth predict`: writes the depth of every moment of a data source to files.
import { join } from "node:path";
import type { Command } from "commander";
import { loader } from "../../data/loader.ts";
import { takeLock } from "../../formats/lock_file.ts";
import { makeOutFolder } from "../../formats/own_files.ts";
import { PREDICTION_LOCK } from "../../evaluate/prediction_names.ts";
import { predictionWriter } from "../../train/moment_files.ts";
import { anchored, drawAnchors, type AnchoredView } from "../../train/anchored.ts";
import { loadPredictor } from "../../train/predictor.ts";
import { seenBy } from "../../train/student_origin.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { common, wholeNumber } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { cachedChoices } from "../settings/tuning_cache.ts";
import { momentLine } from "./anchor_lines.ts";
import {
  anchorOption,
  anchorPoints,
  openStudentSource,
  studentOptions,
  type StudentOptions,
} from "./student_source.ts";

interface PredictOptions extends StudentOptions {
  readonly out: string;
  readonly limit?: number;
}

/** LiDAR points per view that `--anchor` draws without a number. */
const ANCHOR_POINTS = 1000;

const FILES = `
Files, in one folder per moment:
  CAMERA.png        16-bit depth, metres x 256
  CAMERA_color.png  depth in colour, for people
  CAMERA.npy        f32 [H, W] depth in metres
  points.ply        all cameras as one cloud in the vehicle frame, metres
  panorama.png      images and depth around the vehicle
Characters that some file systems do not allow in names are written as %XX. ringdepth never
replaces a file that it did not write: it stops and names the file.`;

/** Defines the command. */
export const definePredict: Define = (program: Command, { surroundings }) => {
  const command = program
    .command("predict")
    .option("--out <dir>", "folder to write into", "predictions")
    .option("--limit <n>", "predict at most this many moments", wholeNumber("--limit", 1))
    .addHelpText("after", FILES);
  const example =
    "ringdepth predict --checkpoint runs/ddad/student.safetensors --data folder:drive --out depth\n" +
    "  ringdepth predict --checkpoint runs/rig --data folder:other_car --anchor --out depth";
  common(anchorOption(studentOptions(command), ANCHOR_POINTS), example);
  command.action(async (options: PredictOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { file, source, badSamples } = await openStudentSource(options, output);
    // Warn before anything is computed.
    await makeOutFolder(options.out, true);
    const lock = await takeLock(join(options.out, PREDICTION_LOCK), `folder ${options.out}`);
    const work = withGpu(surroundings, output, options.adapter, async (gpu) => {
      output.say(`data: ${source.describe()}`);
      const tuning = await cachedChoices(gpu.facts, options.tune, output.warn);
      const predictor = await loadPredictor(gpu, file, source, tuning);
      const choice = { seed: 0, augment: false, badSamples, onSkip: output.warn } as const;
      const samples = loader(source, { ...choice, size: file.config.size });
      const planned = Math.min(source.count, options.limit ?? Infinity);
      const writer = predictionWriter(options.out, seenBy(file.origin, source));
      const folders: string[] = [];
      const points = anchorPoints(options, ANCHOR_POINTS);
      const anchors: { readonly moment: string; readonly views: readonly AnchoredView[] }[] = [];
      try {
        for await (const sample of samples.all()) {
          const predicting = predictor.predict(sample);
          const { protocol } = file.origin.scale;
          // Drawn while the GPU predicts.
          const drawn = points === null ? null : drawAnchors(sample, protocol, points);
          const predicted_m = await predicting;
          const fixed = drawn === null ? null : anchored(sample, predicted_m, drawn);
          const { depth_m } = fixed ?? { depth_m: predicted_m };
          const folder = await writer.write({ sample, depth_m });
          folders.push(folder);
          output.progress(`moment ${folders.length}/${planned}: ${folder}`, true);
          if (fixed !== null) {
            anchors.push({ moment: folder, views: fixed.views });
            output.progress(momentLine(fixed.views), true);
          }
          if (folders.length === planned) break;
        }
      } finally {
        predictor.destroy();
      }
      const result = {
        out: options.out,
        moments: folders,
        skipped_samples: samples.skipped,
        ...(points !== null && { anchors }),
      };
      output.result(result, [`${folders.length} moments in ${options.out}`]);
    });
    try {
      await work;
    } finally {
      await lock.release();
    }
  });
};

// `ringdepth teacher cache`: computes the maps of every training moment once and keeps them in files.
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import type { ImageSize } from "../../data/camera.ts";
import { loader } from "../../data/loader.ts";
import { makeOutFolder } from "../../formats/own_files.ts";
import { checkedMaps } from "../../teacher/checked_teacher.ts";
import { InputError } from "../../tensor/error.ts";
import { outputSize } from "../../train/network.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import { runSettings } from "../settings/run_settings.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { CommandContext } from "../terminal/define.ts";
import { common, imageSize, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { tableProgress } from "../terminal/table_progress.ts";

interface CacheOptions extends CommonOptions {
  readonly out: string;
  readonly data?: string;
  readonly config?: string;
  readonly "teacher.weights"?: string;
  readonly seed?: number;
  readonly size?: ImageSize;
  readonly skipBadSamples?: boolean;
}

const ABOUT = `
The command skips moments that are in the folder already, so it may be stopped and repeated, and
several processes may fill one folder. Train with it: teacher: { cache: DIR }. An entry depends on the
teacher, the content of the moment and the size. A damaged entry is named and computed again.`;

/** Defines the command under `teacher`. */
export function defineTeacherCache(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("cache")
    .requiredOption("--out <dir>", "folder of the cache")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option(
      "--seed <n>",
      "seed of the run that trains with it (default: 0)",
      wholeNumber("--seed", 0),
    )
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--teacher.weights <path>", "weights of Depth Anything, which is then the teacher")
    .option("--config <file>", "YAML configuration of that run; options override it")
    .option("--skip-bad-samples", "skip samples with broken files and count them");
  command.addHelpText("after", ABOUT);
  common(command, "ringdepth teacher cache --config student.yaml --out runs/maps");
  command.action(async (options: CacheOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { data, config: file, seed, size, skipBadSamples, out } = options;
    const settings = await runSettings({
      data,
      config: file,
      seed,
      size,
      skipBadSamples,
      "teacher.weights": options["teacher.weights"],
    });
    const config = { ...settings.config, teacher: { ...settings.config.teacher, cache: out } };
    await makeOutFolder(out, true);
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      const source = await openSource(config, "train", { onProgress: tableProgress(output) });
      const entries = { file: 0, teacher: 0 };
      const teacher = await openRunTeacher(config, {
        gpu: () => gpu,
        source,
        // A run that fits its own module reads the maps of the frozen model.
        ...(config.teacher.kind === "auto" && { module: "base" as const }),
        onMessage: output.warn,
        onEntry: (from) => {
          entries[from]++;
        },
      });
      if (teacher === null) {
        throw new InputError(
          `there is no teacher to cache: set teacher.kind or teacher.path in a --config, or give --teacher.weights`,
        );
      }
      output.say(`data: ${source.describe()}`);
      output.say(`teacher: ${teacher.name}`);
      const { bad_samples: badSamples, head } = config;
      const choice = { seed: 0, augment: false, badSamples, onSkip: output.warn };
      const samples = loader(source, { ...choice, size: config.size });
      let done = 0;
      try {
        for await (const sample of samples.all()) {
          await checkedMaps(teacher, sample, outputSize(config.size), head.bins);
          output.progress(`moment ${++done}/${source.count}`, done % 10 === 0);
        }
      } finally {
        teacher.close?.();
      }
      const { file: found, teacher: written } = entries;
      output.result({ out, moments: done, written, found, skipped_samples: samples.skipped }, [
        `${done} moments in ${out}: ${written} computed, ${found} already there`,
      ]);
    });
  });
}

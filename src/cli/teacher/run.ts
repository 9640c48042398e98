// `ringdepth teacher run`: computes the maps of a foundation model and writes them as a folder of
// teacher maps.
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import type { Gpu } from "../../gpu/device.ts";
import { PREPARATIONS, type Preparation } from "../../teacher/foundation/prepare_image.ts";
import { InputError } from "../../tensor/error.ts";
import { openSource } from "../../train/source.ts";
import { runFoundation } from "../../train/teacher/foundation_run.ts";
import { runSettings } from "../settings/run_settings.ts";
import { sayAdapter } from "../terminal/adapter.ts";
import type { CommandContext } from "../terminal/define.ts";
import { common, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { clock } from "../terminal/training_progress.ts";
import { tableProgress } from "../terminal/table_progress.ts";

interface RunOptions extends CommonOptions {
  readonly weights?: string;
  readonly out: string;
  readonly data?: string;
  readonly config?: string;
  readonly seed?: number;
  readonly preparation?: Preparation;
  readonly side?: number;
  readonly tokens?: number;
  readonly skipBadSamples?: boolean;
}

const ABOUT = `
Weights: Depth Anything V1 or V2, Small, Base or Large, relative or metric, as .safetensors with the
tensor names of the original repositories or of Hugging Face. Without a config.json beside them they
are read as V2 with relative depth.

The network sees the images at their own size; its maps have the size at which it saw them. Maps that
are there already are not computed again, so the command may be stopped and repeated. Train with them:
teacher: { kind: files, path: DIR }.`;

/** Defines the command under `teacher`. */
export function defineTeacherRun(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("run")
    .option("--weights <path>", "a .safetensors file, its index of shards, or a folder with either")
    .requiredOption("--out <dir>", "folder of the maps")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option("--config <file>", "YAML configuration; options override it")
    .option("--seed <n>", "seed of the built-in rig (default: 0)", wholeNumber("--seed", 0))
    .option(
      "--preparation <name>",
      "how images are resized: original or huggingface (default: as in the publication with these tensor names)",
      preparation,
    )
    .option(
      "--side <pixels>",
      "side that images are resized to, a multiple of 14 (default: 518)",
      wholeNumber("--side", 1),
    )
    .option(
      "--tokens <n>",
      "also write the last tokens, averaged over squares of n patches, as embedding",
      wholeNumber("--tokens", 1),
    )
    .option("--skip-bad-samples", "skip samples with broken files and count them");
  command.addHelpText("after", ABOUT);
  common(
    command,
    "ringdepth teacher run --weights depth_anything_v2_vits.safetensors --data ddad:data/ddad-mini --out maps",
  );
  command.action(async (options: RunOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { data, config: file, seed, skipBadSamples, out, adapter } = options;
    const { config } = await runSettings({ data, config: file, seed, skipBadSamples });
    const own = config.teacher;
    const weights = options.weights ?? own.weights;
    if (weights === null) {
      throw new InputError("no network: give --weights, or teacher.weights in a --config");
    }
    const opening = { limit_bytes: 0, onProgress: tableProgress(output) };
    const sources = [
      await openSource(config, "train", opening),
      await openSource(config, "held-out", opening),
    ];
    output.say(`data: ${sources[0].describe()}`);
    let gpu: Promise<Gpu> | null = null;
    const openGpu = async (): Promise<Gpu> => {
      const opened = await surroundings.openGpu({
        validation: true,
        clamp_indices: false,
        ...(adapter !== undefined && { adapter }),
      });
      sayAdapter(output, opened.facts);
      return opened;
    };
    let total = 0;
    const start_ms = performance.now();
    try {
      const result = await runFoundation({
        choice: {
          weights,
          preparation: options.preparation ?? own.preparation,
          side_px: options.side ?? own.side,
        },
        sources,
        out,
        tokens: options.tokens ?? null,
        maySkip: config.bad_samples === "skip",
        gpu: async () => await (gpu ??= openGpu()),
        onStart: ({ name, moments, found }) => {
          total = moments - found;
          output.say(`teacher: ${name}`);
        },
        onMoment: (done) => {
          const rate = done / ((performance.now() - start_ms) / 1000);
          const left = done < total ? `${clock((total - done) / rate)} left` : "done";
          const text = `moment ${done}/${total}  ${rate.toPrecision(2)} rigs/s  ${left}`;
          output.progress(text, done === total || done % Math.ceil(total / 20) === 0);
        },
        onMessage: output.warn,
      });
      const { name, kind, moments, written, found, skipped, input, time_s, device_bytes } = result;
      const rigs_per_s = written > 0 ? written / time_s : null;
      output.result(
        {
          out,
          name,
          kind,
          moments,
          written,
          found,
          skipped_samples: skipped,
          input,
          time_s,
          rigs_per_s,
          device_bytes,
        },
        [
          `${moments} moments in ${out}: ${written} computed, ${found} already there` +
            (skipped > 0 ? `, ${skipped} left out` : ""),
          ...(rigs_per_s === null
            ? []
            : [
                `${rigs_per_s.toPrecision(2)} rigs/s, images seen at ${input.height}x${input.width}, ` +
                  `${(device_bytes / 2 ** 20).toFixed(0)} MiB on the device`,
              ]),
        ],
      );
    } finally {
      if (gpu !== null) (await (gpu as Promise<Gpu>)).close();
    }
  });
}

function preparation(text: string): Preparation {
  const found = PREPARATIONS.find((one) => one === text);
  if (found !== undefined) return found;
  throw new InputError(`--preparation ${text}: expected ${PREPARATIONS.join(" or ")}`);
}

// Opens a trained student and its data for `eval` and `predict`.
import { Option, type Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import type { ImageSize } from "../../data/camera.ts";
import type { DataSource, Split } from "../../data/data_source.ts";
import type { BadSamples } from "../../data/loader.ts";
import { InputError } from "../../tensor/error.ts";
import { openSource } from "../../train/source.ts";
import { readStudent } from "../../train/student_file.ts";
import type { StudentFile } from "../../train/trained/student_bytes.ts";
import { imageSize, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { tuneOption } from "../settings/tuning_cache.ts";
import { tableProgress } from "../terminal/table_progress.ts";
import type { Output } from "../terminal/surroundings.ts";

/** Options of a command that runs a trained student. */
export interface StudentOptions extends CommonOptions {
  readonly checkpoint: string;
  readonly data?: string;
  readonly size?: ImageSize;
  readonly split?: string;
  readonly skipBadSamples?: boolean;
  readonly tune?: boolean;
  /** True without a number. */
  readonly anchor?: number | true;
}

/** A student and its data, ready for a predictor. */
export interface StudentSource {
  readonly file: StudentFile;
  readonly source: DataSource;
  readonly badSamples: BadSamples;
}

/** Adds `--anchor`, whose number is `points` if it is not given. */
export function anchorOption(command: Command, points: number): Command {
  return command.option(
    "--anchor [points]",
    "correct the bin centres of each view with LiDAR of the same moment, at most this many points " +
      `per view (${points} without a number)`,
    wholeNumber("--anchor", 1),
  );
}

/** The most points per view of `--anchor`, null without it. */
export function anchorPoints({ anchor }: StudentOptions, points: number): number | null {
  if (anchor === undefined) return null;
  return anchor === true ? points : anchor;
}

/** Adds the options that name student and data; `isRequired` says whether a student is. */
export function studentOptions(command: Command, isRequired = true): Command {
  const student = new Option(
    "--checkpoint <path>",
    "student.safetensors, a run folder that has one, or a checkpoint of a run",
  ).makeOptionMandatory(isRequired);
  return tuneOption(
    command
      .addOption(student)
      .option("--data <source>", `${DATA_SOURCES} (default: its training data)`)
      .option("--size <HxW>", "image size, multiples of 32 (default: its training size)", imageSize)
      .option("--split <name>", "train or held-out (default: held-out)")
      .option("--skip-bad-samples", "skip samples with broken files and count them"),
  );
}

/**
 * Reads the student and opens the data, converted to the student's own scale; throws InputError for
 * a fault in either.
 */
export async function openStudentSource(
  options: StudentOptions,
  output: Output,
): Promise<StudentSource> {
  const stored = await readStudent(options.checkpoint, output.warn);
  const { data = stored.config.data, size = stored.config.size } = options;
  const badSamples = options.skipBadSamples === true ? "skip" : "stop";
  const config = { ...stored.config, size };
  const split = parseSplit(options.split ?? "held-out");
  // Nothing is trained here: moments that had no LiDAR in training have their truth.
  const lidar = { ...config.lidar, share: 1 };
  const opened = { ...config, data, bad_samples: badSamples, lidar } as const;
  const source = await openSource(opened, split, {
    earlier: options.data === undefined,
    onProgress: tableProgress(output),
  });
  return { file: { ...stored, config }, source, badSamples };
}

/** The split of a `--split`; throws InputError for another word. */
export function parseSplit(text: string): Split {
  if (text === "train" || text === "held-out") return text;
  throw new InputError(`split ${text}: expected train or held-out`);
}

// `ringdepth eval`: the metrics of a trained student, a folder of predictions or a teacher.
import type { Command } from "commander";
import type { DataSource } from "../../data/data_source.ts";
import { describeParts } from "../../evaluate/parts.ts";
import { InputError } from "../../tensor/error.ts";
import { escapeControls } from "../../tensor/printable.ts";
import { evaluateMaps, type EvaluatedMaps, type Evaluation } from "../../train/evaluation.ts";
import {
  describeMetres,
  describeMoments,
  evaluationRemarks,
  metresBy,
} from "../../train/evaluation_words.ts";
import { evaluate } from "../../train/evaluate_student.ts";
import { loadPredictor } from "../../train/predictor.ts";
import { cachedChoices } from "../settings/tuning_cache.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { common, positiveNumber } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import type { Output, Surroundings } from "../terminal/surroundings.ts";
import { anchorLines } from "./anchor_lines.ts";
import { evaluationLines, evaluationMarkdown } from "./eval_lines.ts";
import { chosenParts, partOptions, type ChosenParts, type PartOptions } from "./eval_parts.ts";
import {
  isFolderTeacher,
  openFolderMaps,
  openMapData,
  openTeacherMaps,
  type MapOptions,
} from "./eval_source.ts";
import {
  anchorOption,
  anchorPoints,
  openStudentSource,
  parseSplit,
  studentOptions,
  type StudentOptions,
} from "./student_source.ts";

/** LiDAR points per view that `--anchor` draws without a number. */
const ANCHOR_POINTS = 200;

interface EvalOptions extends MapOptions, PartOptions {
  readonly checkpoint?: string;
  readonly md?: boolean;
}

/** An evaluation with what is said about it. */
interface Found {
  readonly evaluation: Evaluation;
  /** The evaluated moments. */
  readonly on: string;
  /** JSON fields of their own. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Lines below the tables. */
  readonly notes: readonly string[];
}

const EXAMPLES = `ringdepth eval --checkpoint runs/ddad/student.safetensors --protocol surrounddepth
  ringdepth eval --predictions depth --data ddad:PATH --protocol vfdepth --md
  ringdepth eval --teacher maps --data folder:PATH --affine least_squares`;

/** Defines the command. */
export const defineEval: Define = (program: Command, { surroundings }) => {
  const command = program.command("eval");
  studentOptions(command, false)
    .option("--predictions <dir>", "evaluate SAMPLE/CAMERA.npy, .pfm or 16-bit .png in this folder")
    .option(
      "--flipped <dir>",
      "predictions for the mirrored images, to fuse with them (needs --flip)",
    )
    .option(
      "--png-scale <steps>",
      "steps per metre of a 16-bit PNG (default: 256)",
      positiveNumber("--png-scale"),
    )
    .option(
      "--teacher <which>",
      "evaluate a teacher: builtin, oracle, aligned, aligned:DIR, config (that of --config), a folder of " +
        "maps or a teacher.safetensors",
    )
    .option("--config <file>", "YAML configuration with data, rig, seed and teacher")
    .option("--md", "print the tables as Markdown, with the columns of papers");
  common(anchorOption(partOptions(command), ANCHOR_POINTS), EXAMPLES);
  command.action(async (options: EvalOptions) => {
    const output = makeOutput(surroundings, options.json === true || options.md === true);
    const chosen = chosenParts(options);
    const { evaluation, on, fields, notes } = await found(options, chosen, surroundings, output);
    const { consistency, overlap, agreement, moments, trained_on } = evaluation;
    const { masked_pixels, skipped_samples } = evaluation;
    const protocol = chosen.name ?? evaluation.result.protocol;
    const result = { ...evaluation.result, protocol };
    const masked = masked_pixels !== null && { masked_pixels };
    const about = { moments, trained_on, ...fields, ...masked, skipped_samples };
    const more = { overlap, agreement, ...(chosen.name !== null && { parts: chosen.parts }) };
    const lead = [
      `protocol ${protocol}, depths ${result.min_m} to ${result.cap_m} m, ${on}`,
      ...(chosen.name === null ? [] : [describeParts(chosen.parts)]),
    ];
    const named = { ...evaluation, result };
    if (options.md === true && options.json !== true) {
      for (const line of evaluationMarkdown(named, lead))
        surroundings.stdout.write(`${escapeControls(line)}\n`);
      return;
    }
    output.result({ ...result, consistency: consistency.all, ...more, ...about }, [
      ...lead,
      ...evaluationLines(named),
      ...notes,
      ...evaluationRemarks(evaluation),
    ]);
  });
};

async function found(
  options: EvalOptions,
  chosen: ChosenParts,
  surroundings: Surroundings,
  output: Output,
): Promise<Found> {
  const { checkpoint, predictions, teacher } = options;
  const given = [checkpoint, predictions, teacher].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new InputError(
      `eval: ${given === 0 ? "nothing to evaluate" : "more than one thing to evaluate"}; give one of ` +
        `--checkpoint, --predictions and --teacher`,
    );
  }
  if (checkpoint !== undefined) {
    return await ofStudent({ ...options, checkpoint }, chosen, surroundings, output);
  }
  return await ofMaps(options, chosen, surroundings, output);
}

async function ofStudent(
  options: StudentOptions & PartOptions,
  { parts }: ChosenParts,
  surroundings: Surroundings,
  output: Output,
): Promise<Found> {
  const { file, source, badSamples } = await openStudentSource(options, output);
  return await withGpu(surroundings, output, options.adapter, async (gpu) => {
    output.say(`data: ${source.describe()}`);
    const tuning = await cachedChoices(gpu.facts, options.tune, output.warn);
    const predictor = await loadPredictor(gpu, file, source, tuning);
    try {
      const evaluation = await evaluate(predictor, source, badSamples, output.warn, {
        anchor_points: anchorPoints(options, ANCHOR_POINTS),
        parts,
        affine: options.affine,
        overlap: true,
      });
      const { anchor, result } = evaluation;
      return {
        evaluation,
        on: describeMoments(source.split, evaluation),
        fields: { metres_by: metresBy(file), ...(anchor !== null && { anchor }) },
        notes: [
          ...(anchor === null ? [] : anchorLines(anchor, result)),
          describeMetres(file, source),
        ],
      };
    } finally {
      predictor.destroy();
    }
  });
}

async function ofMaps(
  options: EvalOptions,
  chosen: ChosenParts,
  surroundings: Surroundings,
  output: Output,
): Promise<Found> {
  if (options.anchor !== undefined) {
    throw new InputError("--anchor corrects a student: give --checkpoint");
  }
  const isFused = options.flipped !== undefined;
  // Whoever made the maps has fused them or not; without --flipped they count as they are.
  const parts = { ...chosen.parts, flip: isFused };
  const split = parseSplit(options.split ?? "held-out");
  const data = await openMapData(options, split, parts, output);
  const { source, config } = data;
  const work = async (name: string, maps: EvaluatedMaps): Promise<Found> => {
    output.say(`data: ${source.describe()}`);
    const choices = { parts, affine: options.affine, overlap: true };
    const evaluation = await evaluateMaps(maps, source, config.bad_samples, output.warn, choices);
    const { quantity } = maps;
    const notes = [
      ...(chosen.parts.flip && !isFused
        ? ["the protocol fuses mirrored images: these maps count as they are (see --flipped)"]
        : []),
      ...(quantity === "metres" ? [] : [`${quantity} without metres: every table is aligned`]),
    ];
    return {
      evaluation,
      on: `${name}, ${momentsOf(source, evaluation)}`,
      fields: { maps: name, quantity, fused: isFused },
      notes,
    };
  };
  if (options.predictions !== undefined || isFolderTeacher(options)) {
    const { name, maps } = await openFolderMaps(options, data);
    return await work(name, maps);
  }
  return await withGpu(surroundings, output, options.adapter, async (gpu) => {
    const { name, maps, close } = await openTeacherMaps(gpu, data, output.warn);
    try {
      return await work(name, maps);
    } finally {
      close();
    }
  });
}

/** The moments of maps; what their maker was trained on is unknown. */
function momentsOf({ split }: DataSource, { moments }: Evaluation): string {
  return `${moments} ${moments === 1 ? "moment" : "moments"} of the ${split} split`;
}

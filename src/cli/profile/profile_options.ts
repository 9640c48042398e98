// The options of `ringdepth profile` and of its subcommands, as they are typed and read.
import { irForm } from "./ir_form.ts";
import type { ResultOptions } from "../terminal/result.ts";
import type { MeasureSettings } from "../../measure/measure.ts";
import type { IrForm } from "../../profile/kernel/compiler_text.ts";
import type { Command } from "commander";
import type { ImageSize } from "../../data/camera.ts";
import type { StudentName } from "../../student/student.ts";
import { InputError } from "../../tensor/error.ts";
import {
  common,
  imageSize,
  movedOption,
  positiveNumber,
  studentName,
  wholeNumber,
  withJson,
} from "../terminal/options.ts";
import type { GateOptions } from "./gate.ts";
import { axisOption, shapeOption } from "./shapes.ts";
import type { Format } from "../terminal/profile_table.ts";
import type { ProblemChoice, ProblemSource } from "../../profile/kernel/targets.ts";
import { tuneOption } from "../settings/tuning_cache.ts";

/** Which step is profiled, and what becomes of it. */
interface StepOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  readonly config?: string;
  readonly steps?: number;
  readonly skipBadSamples?: boolean;
  readonly trace?: string;
  /** False where kernels are to run by rule, whatever tuning has found. */
  readonly tune?: boolean;
}

/** Options of the command; `data` and `seed` are of the problems of kernels, or of a step. */
export interface ProfileOptions extends ResultOptions, ProblemChoice, GateOptions, StepOptions {
  readonly cold?: boolean;
  readonly hot?: boolean;
  readonly time?: number;
  readonly minSamples?: number;
  readonly noise?: number;
  readonly timeout?: number;
  readonly ab?: readonly string[];
  readonly watch?: boolean;
  readonly html?: string;
  /** True without values. */
  readonly sweep?: true | readonly string[];
  readonly apply?: boolean;
  readonly save?: string;
  readonly baseline?: string;
  readonly threshold?: number;
  readonly explain?: boolean;
  /** False where the cost of bounds checks is asked for. */
  readonly robustness?: boolean;
  readonly skipValidation?: boolean;
  readonly ir?: IrForm;
}

const FORMATS: readonly Format[] = ["table", "json", "md", "csv"];
const DATA_HELP =
  "random (default), zeros, or FILE.npy for the first input; for a step: rig, ddad:PATH, ...";
const LEAST_HELP = "minimum number of samples (default: 20; 100 pairs with --ab)";
const SWEEP_HELP =
  "time every mapping and tuned value against the rule, or only the given ones: TM=2,4";
const GATE_HELP =
  "exit with code 1 if a row is SLOW or not compared, or if over 5 % of a step is unaccounted";
const LENIENT_HELP = "with --gate: allow rows that are MISSING, NEW or WRONG";
const THRESHOLD_HELP = "smallest change that counts (default: 3 %; 10 % on software adapters)";
const HTML_HELP = "also write a page with roofline, table and distributions";
const EXAMPLES = [
  "ringdepth profile 'bin_*' --save before",
  "ringdepth profile 'bin_*' --baseline before --gate",
  "ringdepth profile --ab gemm@HEAD gemm",
  "ringdepth profile --watch gemm",
  "ringdepth profile bin_decode --axis K=16:256:*2",
  "ringdepth profile conv2d --preset nano --sweep --apply",
  "ringdepth profile gemm --ir spirv -o gemm.spvasm",
  "ringdepth profile step:train --trace step.json --html step.html",
].join("\n  ");

/** Adds the options of the command itself. */
export function addProfileOptions(command: Command): void {
  command
    .optionsGroup("Problems:")
    .option(
      "--cases <which>",
      "bench (those of bench/, default in a clone) or own (the kernels' own)",
      source,
    )
    .option("--case <part>", "only problems whose name contains this text")
    .option("--preset <student>", "problems of the training step of nano or resnet18", studentName)
    .option("--shape <NAME=AxB..>", "give an input another shape; repeatable", shapeOption)
    .option("--axis <L=a,b,c>", "lengths for an axis, or L=from:to:*step; repeatable", axisOption)
    .option("--data <what>", DATA_HELP)
    .option("--seed <n>", "seed for the random inputs", wholeNumber("--seed", 0))
    .optionsGroup("Times:")
    .option("--cold", "time only with flushed caches (default: both cold and hot)")
    .option("--hot", "time only with warm caches, as the kernel leaves them")
    .option(
      "--time <s>",
      "minimum sampling time in seconds (default: 0.5)",
      positiveNumber("--time"),
    )
    .option("--min-samples <n>", LEAST_HELP, wholeNumber("--min-samples", 3))
    .option(
      "--noise <%>",
      "target half-width of the 95 % interval (default: 1 %)",
      percentage("--noise"),
    )
    .option(
      "--timeout <s>",
      "maximum sampling time in seconds (default: 15)",
      positiveNumber("--timeout"),
    )
    .option(
      "--watch",
      "time a shader whenever it is saved and compare it with its version at the start",
    )
    .option("--no-robustness", "also measure the cost of bounds checks")
    .option("--skip-validation", "also measure the CPU cost of validation")
    .option(
      "--ir <form>",
      "print the compiled kernel instead of times: wgsl, spirv or tint",
      irForm,
    )
    .optionsGroup("A step (step:train, step:predict):")
    .option("--student <name>", "nano or resnet18 (default: nano)", studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration, as for train")
    .option("--skip-bad-samples", "skip samples with broken files")
    .option(
      "--steps <n>",
      "number of steps to measure (default: as many as fit in 8 s)",
      wholeNumber("--steps", 3),
    )
    .option("--trace <file>", "write a trace that ui.perfetto.dev can open");
  tuneOption(command)
    .optionsGroup("Comparison:")
    .option("--ab <A B...>", "time two kernels interleaved; NAME@COMMIT reads the shader from git")
    .option("--sweep [NAME=VALUES...]", SWEEP_HELP)
    .option("--apply", "save the winners of --sweep; ringdepth train then uses them")
    .option("--save <name>", "save the profile with all its samples")
    .option("--baseline <name>", "compare with a saved profile");
  addGateOptions(command)
    .optionsGroup("Result:")
    .option(
      "--explain",
      "show how rates and bounds are computed (from flops and bytes, not integer work)",
    );
  addHtmlOption(command);
  addResultOptions(command, EXAMPLES);
  movedOption(command, "--budget <s>", "ringdepth tune --budget, which tunes a step");
}

/** Adds what says when a comparison fails. */
export function addGateOptions(command: Command): Command {
  return command
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--gate", GATE_HELP)
    .option("--lenient", LENIENT_HELP);
}

/** Adds the file of the page. */
export function addHtmlOption(command: Command): Command {
  return command.option("--html <file>", HTML_HELP);
}

/** Adds the options of every command that has a result, of its own adapter or of saved profiles. */
export function addResultOptions(command: Command, example: string, measures = true): void {
  command
    .option("--format <name>", `${FORMATS.join(", ")} (default: table)`, format)
    .option("-o, --output <file>", "write the result to a file")
    .option("--runs <dir>", "folder of saved profiles (default: runs/profile)");
  if (measures) common(command, example);
  else withJson(command, example);
}

function format(text: string): Format {
  const name = FORMATS.find((one) => one === text);
  if (name === undefined) throw new InputError(`--format ${text}: expected ${FORMATS.join(", ")}`);
  return name;
}

function source(text: string): ProblemSource {
  if (text === "bench" || text === "own") return text;
  throw new InputError(`--cases ${text}: expected bench or own`);
}

/** Reads `3` or `3%` as 0.03. */
function percentage(option: string): (text: string) => number {
  const read = positiveNumber(option);
  return (text) => read(text.replace(/\s*%$/, "")) / 100;
}

/** How long each row is measured; at least `samples` unless the options say otherwise. */
export function settingsOf(options: ProfileOptions, samples: number): MeasureSettings {
  const { time = 0.5, minSamples = samples, noise = 0.01, timeout = 15 } = options;
  return { time_s: Math.min(time, timeout), min_samples: minSamples, noise, timeout_s: timeout };
}

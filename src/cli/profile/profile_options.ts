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
  readonly budget?: number;
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
const DATA_HELP = "random (default), zeros, FILE.npy as first input; of a step rig, ddad:PATH, ...";
const LEAST_HELP = "least number of samples (default: 20, with --ab 100 pairs)";
const SWEEP_HELP = "every variant and tuned value against the rule, or those given: TM=2,4";
const GATE_HELP = "exit with 1 where a row is SLOW or not compared, a step unaccounted over 5 %";
const LENIENT_HELP = "the gate lets rows pass that are MISSING, NEW or WRONG";
const THRESHOLD_HELP = "change that counts (default: 3 %, on software adapters 10 %)";
const HTML_HELP = "write a page with roofline, table and distributions too";
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
    .option("--cases <which>", "of bench/ (default in a clone) or the kernels' own", source)
    .option("--case <part>", "only those with this in their name")
    .option("--preset <student>", "of the training step of nano or resnet18", studentName)
    .option("--shape <NAME=AxB..>", "another shape of an input; repeatable", shapeOption)
    .option("--axis <L=a,b,c>", "lengths of an axis, or L=from:to:*step; repeatable", axisOption)
    .option("--data <what>", DATA_HELP)
    .option("--seed <n>", "draw other random numbers", wholeNumber("--seed", 0))
    .optionsGroup("Times:")
    .option("--cold", "only with caches flushed before each time (default: cold and hot)")
    .option("--hot", "only with caches as the kernel leaves them")
    .option("--time <s>", "least seconds of samples (default: 0.5)", positiveNumber("--time"))
    .option("--min-samples <n>", LEAST_HELP, wholeNumber("--min-samples", 3))
    .option("--noise <%>", "half the interval to reach (default: 1 %)", percentage("--noise"))
    .option("--timeout <s>", "most seconds of samples (default: 15)", positiveNumber("--timeout"))
    .option("--watch", "time a shader again whenever it is saved, against what it was")
    .option("--no-robustness", "print what bounds checks cost, beside the times with them")
    .option("--skip-validation", "print what validation costs the CPU, beside the times with it")
    .option("--ir <form>", "no times: print the compiler's wgsl, spirv or tint", irForm)
    .optionsGroup("A step (step:train, step:predict):")
    .option("--student <name>", "nano or resnet18 (default: nano)", studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration, as train takes it")
    .option("--skip-bad-samples", "leave samples with broken files out")
    .option("--steps <n>", "how many to measure (default: 8 s of them)", wholeNumber("--steps", 3))
    .option("--trace <file>", "write a trace for ui.perfetto.dev");
  tuneOption(command)
    .optionsGroup("Comparison:")
    .option("--ab <A B...>", "time two kernels in turn; NAME@COMMIT is the shader in git")
    .option("--sweep [NAME=VALUES...]", SWEEP_HELP)
    .option("--apply", "keep what won the sweep: ringdepth train goes by it")
    .option("--budget <s>", "of a swept step: seconds to take", positiveNumber("--budget"))
    .option("--save <name>", "keep the profile with all samples")
    .option("--baseline <name>", "compare with a profile that was saved");
  addGateOptions(command)
    .optionsGroup("Result:")
    .option(
      "--explain",
      "print how rates and bounds came about (of flops and bytes, not integers)",
    );
  addHtmlOption(command);
  addResultOptions(command, EXAMPLES);
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

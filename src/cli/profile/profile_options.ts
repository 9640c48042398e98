// The options of `ringdepth profile` and its subcommands.
import { irForm } from "./ir_form.ts";
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
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
import {
  FORMAT_HELP,
  formatName,
  GATE_HELP,
  HTML_HELP,
  LENIENT_HELP,
  percentage,
  RUNS_HELP,
  THRESHOLD_HELP,
} from "../terminal/result_options.ts";
import { addFileOptions } from "./file_options.ts";
import { axisOption, shapeOption } from "./shapes.ts";
import type { ProblemSource } from "../../profile/kernel/targets.ts";
import { STUDENT_NAMES } from "../../student/student.ts";
import { tuneOption } from "../settings/tuning_cache.ts";

const LEAST_HELP =
  "minimum number of samples (default: 20; --brief 15, --watch 25, --sweep 30, --ab 100 pairs)";
const SWEEP_HELP =
  "time every mapping and tuned value against the rule, or only the given ones: TM=2,4";
const OWN_THRESHOLD_HELP =
  "smallest change that counts in --baseline, --ab, --watch and --sweep (default: 3 %; --baseline on software adapters 10 %)";
const EXAMPLES = [
  "ringdepth profile 'bin_*' --save before",
  "ringdepth profile 'bin_*' --baseline before --gate",
  "ringdepth profile 'conv2d*' --brief",
  "ringdepth profile --ab gemm@HEAD gemm",
  "ringdepth profile --watch gemm",
  "ringdepth profile bin_decode --axis K=16:256:*2",
  "ringdepth profile conv2d --preset nano --sweep --apply",
  "ringdepth profile gemm --ir spirv -o gemm.spvasm",
  "ringdepth profile saxpy.wgsl --reference saxpy.js --flops '2 * x.length' --bytes '12 * x.length'",
  "ringdepth profile step:train --trace step.json --html step.html",
].join("\n  ");

/** Adds the options of the command itself. */
export function addProfileOptions(command: Command): void {
  kindOptions(command);
  addFileOptions(command);
  problemOptions(command);
  samplingOptions(command);
  fullOptions(command);
  stepOptions(command);
  addGateOptions(command.optionsGroup("Gate:"), {
    threshold: OWN_THRESHOLD_HELP,
    gate: "with --baseline, --ab or a step: ",
    step: ", or if over 5 % of a step is unaccounted for",
  });
  addHtmlOption(command.optionsGroup("Result:"), " (full profile or step)");
  addResultOptions(command, EXAMPLES);
  movedOption(command, "--budget <s>", "ringdepth tune --budget, which tunes a step");
}

function kindOptions(command: Command): void {
  command
    .optionsGroup("Kinds of profile (at most one; default: the full profile):")
    .option(
      "--brief",
      "only times and rates, each problem once with the mapping that this adapter runs (as bench kernels)",
    )
    .option(
      "--ab <A B...>",
      "time two kernels or files interleaved; NAME@COMMIT reads the shader from git",
    )
    .option(
      "--watch",
      "time a shader whenever it is saved and compare it with its version at the start",
    )
    .option("--sweep [NAME=VALUES...]", SWEEP_HELP)
    .option("--apply", "save the winners of --sweep; ringdepth train then uses them")
    .option(
      "--ir <form>",
      "print the compiled kernel instead of times: wgsl, spirv or tint",
      irForm,
    );
}

function problemOptions(command: Command): void {
  command
    .optionsGroup("Problems of kernels:")
    .option(
      "--cases <which>",
      "bench (realistic sizes; default in a clone) or own (each kernel's small test cases)",
      source,
    )
    .option("--case <part>", "only problems whose name contains this text")
    .option("--preset <student>", `problems of the training step of ${STUDENT_NAMES}`, studentName)
    .option("--shape <NAME=AxB..>", "give an input another shape; repeatable", shapeOption)
    .option("--axis <L=a,b,c>", "lengths for an axis, or L=from:to:*step; repeatable", axisOption);
}

function samplingOptions(command: Command): void {
  command
    .optionsGroup("Sampling of kernels:")
    .option(
      "--time <s>",
      "minimum sampling time in seconds (default: 0.5; --brief, --watch 0.2; --sweep 0.3)",
      positiveNumber("--time"),
    )
    .option("--min-samples <n>", LEAST_HELP, wholeNumber("--min-samples", 3))
    .option(
      "--noise <%>",
      "target half-width of the 95 % interval (default: 1 %; --brief 2 %)",
      percentage("--noise"),
    )
    .option(
      "--timeout <s>",
      "maximum sampling time in seconds (default: 15; --brief, --watch 1; --sweep 3)",
      positiveNumber("--timeout"),
    )
    .option("--hot", "time only with warm caches, as --brief, --ab and --watch always do");
}

function fullOptions(command: Command): void {
  command
    .optionsGroup("Full profile of kernels only:")
    .option("--cold", "time only with flushed caches (default: both cold and hot)")
    .option("--no-robustness", "also measure the cost of bounds checks")
    .option("--skip-validation", "also measure the CPU cost of validation")
    .option("--no-ceilings", "do not measure unknown ceilings; rows then have no bound")
    .option("--save <name>", "save the profile with all its samples")
    .option("--baseline <name>", "compare with a saved profile")
    .option("--explain", "show how rates and bounds are computed (integer work is not counted)");
}

function stepOptions(command: Command): void {
  command
    .optionsGroup("Inputs of kernels or of a step:")
    .option(
      "--data <what>",
      `kernels: random (default), zeros, or FILE.npy for the first input;\nstep: ${DATA_SOURCES} (default: rig)`,
    )
    .option(
      "--seed <n>",
      "kernels: seed for the random inputs; step: seed of the run",
      wholeNumber("--seed", 0),
    )
    .optionsGroup("Steps only (step:train, step:predict):")
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration, as for train")
    .option("--skip-bad-samples", "skip samples with broken files")
    .option(
      "--steps <n>",
      "number of steps to measure (default: as many as fit in 8 s)",
      wholeNumber("--steps", 3),
    )
    .option("--trace <file>", "write a trace that ui.perfetto.dev can open");
  tuneOption(command);
}

/** Help of a gate: its threshold, where it applies, and what a step adds. */
interface GateWords {
  readonly threshold: string;
  readonly gate: string;
  readonly step: string;
}

/** Adds the options that decide when a comparison fails. */
export function addGateOptions(
  command: Command,
  { threshold, gate, step }: GateWords = { threshold: THRESHOLD_HELP, gate: "", step: "" },
): Command {
  return command
    .option("--threshold <%>", threshold, percentage("--threshold"))
    .option("--gate", `${gate}${GATE_HELP}${step}`)
    .option("--lenient", LENIENT_HELP);
}

/** Adds `--html`. */
export function addHtmlOption(command: Command, where = ""): Command {
  return command.option("--html <file>", `${HTML_HELP}${where}`);
}

/** Adds the options of every command with a result, whether it measures or reads saved profiles. */
export function addResultOptions(command: Command, example: string, measures = true): void {
  command
    .option("--format <name>", FORMAT_HELP, formatName)
    .option("-o, --output <file>", "write the result to a file")
    .option("--runs <dir>", RUNS_HELP);
  if (measures) common(command, example);
  else withJson(command, example);
}

function source(text: string): ProblemSource {
  if (text === "bench" || text === "own") return text;
  throw new InputError(`--cases ${text}: expected bench or own`);
}

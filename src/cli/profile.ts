// `ringdepth profile`: kernels checked, timed, set under the measured ceilings of the adapter and
// against an earlier profile; its subcommands measure ceilings and read saved profiles.
import type { Command } from "commander";
import { InputError } from "../tensor/error.ts";
import { withGpu } from "./adapter.ts";
import type { CommandContext, Define } from "./define.ts";
import {
  common,
  positiveNumber,
  studentName,
  wholeNumber,
  withJson,
  type CommonOptions,
} from "./options.ts";
import { makeOutput } from "./output.ts";
import { refuseContradictions } from "./profile_contradictions.ts";
import { dataOption } from "./profile_data.ts";
import type { GateOptions } from "./profile_gate.ts";
import { commandLine } from "./profile_html.ts";
import { defineDump, irForm, printIr, type IrForm } from "./profile_ir.ts";
import { compareSaved, listSaved, showSaved, type CompareOptions } from "./profile_saved.ts";
import { isTable } from "./profile_result.ts";
import { axisOption, shapeOption } from "./profile_shapes.ts";
import type { Format } from "./profile_table.ts";
import type { ProblemChoice, ProblemSource } from "./profile_targets.ts";
import { profileSweep } from "./profile_sweep.ts";
import { watchKernels } from "./profile_watch.ts";
import { profileCeilings, profileKernels, profileTwo } from "./profile_work.ts";

/** Where and how results go. */
export interface ResultOptions extends CommonOptions {
  readonly format?: Format;
  readonly output?: string;
  readonly runs?: string;
}

/** Options of the command. */
export interface ProfileOptions extends ResultOptions, ProblemChoice, GateOptions {
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

const SWEEP_HELP =
  "try every variant and tuned value on each problem against the rule, or those given, such as " +
  "TM=2,4 variant=gemm,gemm_register";
const FORMATS: readonly Format[] = ["table", "json", "md", "csv"];
const ONLY_ONCE = ["html", "save", "baseline", "cold", "explain", "lenient"] as const;
/** What is done in place of a profile, and the options that mean nothing to it. */
const MODES = [
  {
    name: "watch",
    strangers: [...ONLY_ONCE, "ab", "sweep", "gate", "json", "format", "output"],
  },
  { name: "sweep", strangers: [...ONLY_ONCE, "ab", "gate", "hot"] },
  { name: "ab", strangers: ONLY_ONCE },
] as const;

const HTML_HELP = "write a page with roofline, table and distributions too";
const LEAST_HELP = "least number of samples (default: 20, with --ab 100 pairs)";
const GATE_HELP = "exit with 1 where a row is SLOW or is not compared";
const LENIENT_HELP = "the gate lets rows pass that are MISSING, NEW or WRONG";
const THRESHOLD_HELP = "change that counts (default: 3 %, on software adapters 10 %)";
const EXAMPLES = [
  "ringdepth profile 'bin_*' --save before",
  "ringdepth profile 'bin_*' --baseline before --gate",
  "ringdepth profile --ab gemm@HEAD gemm",
  "ringdepth profile --watch gemm",
  "ringdepth profile bin_decode --axis K=16:256:*2",
  "ringdepth profile conv2d --preset nano",
  "ringdepth profile gemm --ir spirv -o gemm.spvasm",
].join("\n  ");

/** Defines the command. */
export const defineProfile: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("profile")
    .configureHelp({ subcommandTerm: (one) => [one.name(), ...argumentNames(one)].join(" ") })
    .description("time kernels that were found right, under the ceilings of this adapter")
    .argument("[globs...]", "kernels, such as 'conv2d*' (default: all), read from shaders/*.wgsl")
    // Subcommands have options of the same names.
    .enablePositionalOptions()
    .optionsGroup("Problems:")
    .option("--cases <which>", "of bench/ (default in a clone) or the kernels' own", source)
    .option("--case <part>", "only those with this in their name")
    .option("--preset <student>", "of the training step of nano or resnet18", studentName)
    .option("--shape <NAME=AxB..>", "another shape of an input; repeatable", shapeOption)
    .option("--axis <L=a,b,c>", "lengths of an axis, or L=from:to:*step; repeatable", axisOption)
    .option("--data <what>", "random (default), zeros, or FILE.npy as the first input", dataOption)
    .option("--seed <n>", "draw other random numbers", wholeNumber("--seed", 0))
    .optionsGroup("Times:")
    .option("--cold", "only with caches flushed before each time (default: cold and hot)")
    .option("--hot", "only with caches as the kernel leaves them")
    .option("--time <s>", "least seconds of samples (default: 0.5)", positiveNumber("--time"))
    .option("--min-samples <n>", LEAST_HELP, wholeNumber("--min-samples", 3))
    .option("--noise <%>", "half the interval to reach (default: 1 %)", percentage("--noise"))
    .option("--timeout <s>", "most seconds of samples (default: 15)", positiveNumber("--timeout"))
    .option("--sweep [NAME=VALUES...]", SWEEP_HELP)
    .option("--apply", "keep what won the sweep: ringdepth train goes by it")
    .option("--watch", "time a shader again whenever it is saved, against what it was")
    .option("--no-robustness", "print what bounds checks cost, beside the times with them")
    .option("--skip-validation", "print what validation costs the CPU, beside the times with it")
    .option("--ir <form>", "no times: print the compiler's wgsl, spirv or tint", irForm)
    .optionsGroup("Comparison:")
    .option("--ab <A B...>", "time two kernels in turn; NAME@COMMIT is the shader in git")
    .option("--save <name>", "keep the profile with all samples")
    .option("--baseline <name>", "compare with a profile that was saved")
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--gate", GATE_HELP)
    .option("--lenient", LENIENT_HELP)
    .optionsGroup("Result:")
    .option("--explain", "print how rates and bounds came about")
    .option("--html <file>", HTML_HELP);
  results(command, EXAMPLES);
  const { surroundings, args, exit } = context;
  command.action(async (globs: string[], options: ProfileOptions) => {
    const output = makeOutput(surroundings, !isTable(options) || options.ir !== undefined);
    checkOptions(options, globs);
    refuseContradictions(options);
    exit(
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        const run = { gpu, output, surroundings, options };
        if (options.ir !== undefined) return await printIr(run, globs, options.ir);
        if (options.sweep !== undefined) return await profileSweep(run, globs);
        if (options.watch === true) return await watchKernels(run, globs);
        return options.ab === undefined
          ? await profileKernels(run, globs, commandLine(args))
          : await profileTwo(run, options.ab);
      }),
    );
  });
  defineCeilings(command, context);
  defineSaved(command, context);
  defineDump(command, context);
};

/** The arguments of a subcommand as its help shows them. */
function argumentNames({ registeredArguments }: Command): string[] {
  return registeredArguments.map((argument) => `<${argument.name()}>`);
}

function defineCeilings(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("ceilings")
    .description("measure bandwidth and arithmetic of this adapter anew");
  results(command, "ringdepth profile ceilings");
  command.action(async (options: ResultOptions) => {
    const output = makeOutput(surroundings, !isTable(options));
    exit(
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        return await profileCeilings({ gpu, output, surroundings, options });
      }),
    );
  });
}

function defineSaved(parent: Command, { surroundings, exit }: CommandContext): void {
  const list = parent.command("list").description("the profiles that were saved");
  results(list, "ringdepth profile list", false);
  list.action(async (options: ResultOptions) => {
    await listSaved(surroundings, options);
  });
  const show = parent
    .command("show")
    .description("a profile that was saved")
    .argument("<name>", "its name")
    .option("--html <file>", HTML_HELP);
  results(
    show,
    "ringdepth profile show before\n  ringdepth profile show before --html before.html",
    false,
  );
  show.action(async (name: string, options: ResultOptions & { readonly html?: string }) => {
    await showSaved(surroundings, options, name);
  });
  const compare = parent
    .command("compare")
    .description("two profiles that were saved, kernel by kernel")
    .argument("<before>", "name of the first")
    .argument("<after>", "name of the second")
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--gate", GATE_HELP)
    .option("--lenient", LENIENT_HELP);
  results(compare, "ringdepth profile compare before after --gate", false);
  compare.action(async (before: string, after: string, options: CompareOptions) => {
    exit(await compareSaved(surroundings, options, before, after));
  });
}

/** Adds the options of every command that has a result, of its own adapter or of saved profiles. */
function results(command: Command, example: string, measures = true): void {
  command
    .option("--format <name>", `${FORMATS.join(", ")} (default: table)`, format)
    .option("-o, --output <file>", "write the result to a file")
    .option("--runs <dir>", "folder of saved profiles (default: runs/profile)");
  if (measures) common(command, example);
  else withJson(command, example);
}

function checkOptions(options: ProfileOptions, globs: readonly string[]): void {
  if (options.json === true && options.format !== undefined && options.format !== "json") {
    throw new InputError(`--json and --format ${options.format} contradict each other`);
  }
  if (options.cold === true && options.hot === true) {
    throw new InputError("--cold and --hot together are the default: leave both out");
  }
  const { ab, sweep } = options;
  if (options.apply === true && sweep === undefined) {
    throw new InputError("--apply keeps what a sweep finds: give --sweep too");
  }
  const mode = MODES.find(({ name }) => options[name] !== undefined);
  if (mode === undefined) return;
  const stray = mode.strangers.find((name) => options[name] !== undefined);
  if (stray !== undefined) throw new InputError(`--${stray} does not go with --${mode.name}`);
  if (ab !== undefined && globs.length > 0) throw new InputError("give kernels or --ab, not both");
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

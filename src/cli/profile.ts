// `ringdepth profile`: kernels checked, timed, set under the measured ceilings of the adapter and
// against an earlier profile; its subcommands measure ceilings and read saved profiles.
import type { Command } from "commander";
import { InputError } from "../tensor/error.ts";
import { withGpu } from "./adapter.ts";
import type { CommandContext, Define } from "./define.ts";
import { common, positiveNumber, wholeNumber, type CommonOptions } from "./options.ts";
import { makeOutput } from "./output.ts";
import { compareSaved, listSaved, showSaved } from "./profile_saved.ts";
import { commandLine } from "./profile_html.ts";
import type { Format } from "./profile_table.ts";
import type { ProblemChoice, ProblemSource } from "./profile_targets.ts";
import { watchKernels } from "./profile_watch.ts";
import { profileCeilings, profileKernels, profileTwo } from "./profile_work.ts";

/** Where and how results go. */
export interface ResultOptions extends CommonOptions {
  readonly format?: Format;
  readonly output?: string;
  readonly runs?: string;
}

/** Options of the command. */
export interface ProfileOptions extends ResultOptions, ProblemChoice {
  readonly cold?: boolean;
  readonly hot?: boolean;
  readonly time?: number;
  readonly minSamples?: number;
  readonly noise?: number;
  readonly timeout?: number;
  readonly ab?: readonly string[];
  readonly watch?: boolean;
  readonly html?: string;
  readonly save?: string;
  readonly baseline?: string;
  readonly threshold?: number;
  readonly gate?: boolean;
  readonly explain?: boolean;
}

const FORMATS: readonly Format[] = ["table", "json", "md", "csv"];
const ONLY_ONCE = ["html", "save", "baseline", "cold", "explain"] as const;
const NOT_WATCHED = ["ab", "gate", "json", "format", "output"] as const;

const HTML_HELP = "write a page with roofline, table and distributions too";
const THRESHOLD_HELP = "change that counts (default: 3 %, of profiles on software adapters 10 %)";

/** Defines the command. */
export const defineProfile: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("profile")
    .description("time kernels that were found right, under the ceilings of this adapter")
    .argument("[globs...]", "kernels, such as 'conv2d*' (default: all), read from shaders/*.wgsl")
    // Subcommands have options of the same names.
    .enablePositionalOptions()
    .option(
      "--cases <which>",
      "problems of bench/ (default in a clone) or the kernel's own",
      source,
    )
    .option("--case <part>", "only problems with this in their name")
    .option("--cold", "only with caches flushed before each time (default: cold and hot)")
    .option("--hot", "only with caches as the kernel leaves them")
    .option("--time <s>", "least seconds of samples (default: 0.5)", positiveNumber("--time"))
    .option("--min-samples <n>", "(default: 20, 100 pairs)", wholeNumber("--min-samples", 3))
    .option("--noise <%>", "interval to reach (default: 1 %)", percentage("--noise"))
    .option("--timeout <s>", "most seconds of samples (default: 5)", positiveNumber("--timeout"))
    .option("--ab <A B...>", "time two kernels in turn; NAME@COMMIT takes the shader from git")
    .option("--watch", "time a shader again whenever it is saved, against what it was")
    .option("--html <file>", HTML_HELP)
    .option("--save <name>", "keep the profile with all samples")
    .option("--baseline <name>", "compare with a profile that was saved")
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--gate", "exit with 1 where a kernel is SLOW")
    .option("--explain", "print how rates and bounds came about");
  results(
    command,
    "ringdepth profile 'bin_*' --save before\n  ringdepth profile --ab gemm@HEAD gemm",
  );
  const { surroundings, args, exit } = context;
  command.action(async (globs: string[], options: ProfileOptions) => {
    const output = makeOutput(surroundings, !isTable(options));
    checkOptions(options, globs);
    exit(
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        const run = { gpu, output, surroundings, options };
        if (options.watch === true) return await watchKernels(run, globs);
        return options.ab === undefined
          ? await profileKernels(run, globs, commandLine(args))
          : await profileTwo(run, options.ab);
      }),
    );
  });
  defineCeilings(command, context);
  defineSaved(command, context);
};

function defineCeilings(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("ceilings")
    .description("measure bandwidth and arithmetic of this adapter anew, and keep them");
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
  results(list, "ringdepth profile list");
  list.action(async (options: ResultOptions) => {
    await listSaved(surroundings, options);
  });
  const show = parent
    .command("show")
    .description("a profile that was saved")
    .argument("<name>", "its name")
    .option("--html <file>", HTML_HELP);
  results(show, "ringdepth profile show before --html before.html");
  show.action(async (name: string, options: ResultOptions & { readonly html?: string }) => {
    await showSaved(surroundings, options, name);
  });
  const compare = parent
    .command("compare")
    .description("two profiles that were saved, kernel by kernel")
    .argument("<before>", "name of the first")
    .argument("<after>", "name of the second")
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--gate", "exit with 1 where a kernel is SLOW");
  results(compare, "ringdepth profile compare before after --gate");
  compare.action(
    async (
      before: string,
      after: string,
      options: ResultOptions & { readonly threshold?: number; readonly gate?: boolean },
    ) => {
      exit(await compareSaved(surroundings, options, before, after));
    },
  );
}

/** Adds the options of every command that has a result. */
function results(command: Command, example: string): void {
  command
    .option("--format <name>", `${FORMATS.join(", ")} (default: table)`, format)
    .option("-o, --output <file>", "write the result to a file")
    .option("--runs <dir>", "folder of saved profiles (default: runs/profile)");
  common(command, example);
}

/** Whether people read stdout, and so may find other lines there too. */
function isTable({ json, format: name = "table", output }: ResultOptions): boolean {
  return json !== true && (name === "table" || output !== undefined);
}

function checkOptions(options: ProfileOptions, globs: readonly string[]): void {
  if (options.json === true && options.format !== undefined && options.format !== "json") {
    throw new InputError(`--json and --format ${options.format} contradict each other`);
  }
  if (options.cold === true && options.hot === true) {
    throw new InputError("--cold and --hot together are the default: leave both out");
  }
  const { ab, watch } = options;
  if (ab === undefined && watch === undefined) return;
  const strangers = watch === undefined ? ONLY_ONCE : [...ONLY_ONCE, ...NOT_WATCHED];
  const stray = strangers.find((name) => options[name] !== undefined);
  if (stray !== undefined) {
    throw new InputError(`--${stray} does not go with --${watch === undefined ? "ab" : "watch"}`);
  }
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

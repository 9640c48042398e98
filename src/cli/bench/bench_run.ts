// The parts that all `ringdepth bench` commands share: options, files of problems, settings and
// results.
import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Gpu } from "../../gpu/device.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { type Ceilings } from "../../measure/ceilings.ts";
import { describeEnvironment, type Environment } from "../../measure/environment.ts";
import { prepareBench, type Bench, type MeasureSettings, using } from "../../measure/measure.ts";
import { InputError } from "../../tensor/error.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { CommandContext } from "../terminal/define.ts";
import {
  common,
  positiveNumber,
  wholeNumber,
  type CommonOptions,
  type Format,
} from "../terminal/options.ts";
import {
  FORMAT_HELP,
  HTML_HELP,
  LENIENT_HELP,
  RUNS_FOLDER,
  RUNS_HELP,
  THRESHOLD_HELP,
  formatName,
  percentage,
} from "../terminal/result_options.ts";
import { readRun, savedFile } from "../../measure/saved_run.ts";
import { rowsCsv } from "./table.ts";
import { stoppable } from "../terminal/measure_stop.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import { writeResult, type Result } from "../terminal/result.ts";
import type { Output, Surroundings } from "../terminal/surroundings.ts";
import { watchOthers } from "../../measure/other_load.ts";
import { loadRemark } from "../../measure/text.ts";
import { keptCeilings, knownCeilings } from "../../measure/known_ceilings.ts";

/** Options of every bench. */
export interface BenchOptions extends CommonOptions {
  readonly md?: boolean;
  readonly format?: Format;
  readonly output?: string;
}

/** Options of every bench whose plans are timed interleaved. */
export interface TurnOptions extends BenchOptions {
  readonly minSamples?: number;
  readonly timeout?: number;
  readonly save?: string;
  readonly baseline?: string;
  readonly threshold?: number;
  readonly lenient?: boolean;
  /** False to measure no ceilings: without earlier ones there are no shares of them. */
  readonly ceilings?: boolean;
  readonly quick?: boolean;
  readonly html?: string;
  readonly runs?: string;
}

/** The inputs of a bench. */
export interface BenchRun {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly bench: Bench;
  readonly ceilings: Ceilings | null;
  readonly environment: Environment;
  readonly progress: (line: string) => void;
  /** The line about other programs since the start; empty if they disturbed nothing. */
  readonly load: () => string[];
  /** Once aborted, the rows measured so far are printed and no file is written. */
  readonly signal: AbortSignal;
}

// On a software adapter a round takes seconds, and there are many problems.
const HARDWARE: MeasureSettings = { time_s: 0.3, min_samples: 20, noise: 0.01, timeout_s: 3 };
const SOFTWARE: MeasureSettings = { time_s: 0.3, min_samples: 7, noise: 0.03, timeout_s: 4 };

// With --quick, per problem and direction: the whole of it in a minute and a half.
const QUICK_S = 2;

/** Adds the options of every bench. */
export function benchOptions(command: Command, example: string): Command {
  return common(
    command
      .option("--format <name>", FORMAT_HELP, formatName)
      .option("--md", "the same as --format md")
      .option("-o, --output <file>", "write the result to a file"),
    example,
  );
}

/** Adds the options of a bench whose plans are timed interleaved. */
export function turnOptions(command: Command): Command {
  return command
    .option(
      "--min-samples <n>",
      "minimum number of rounds; a round times each alternative once",
      wholeNumber("--min-samples", 3),
    )
    .option("--timeout <s>", "maximum seconds of timing per problem", positiveNumber("--timeout"))
    .option("--no-ceilings", "do not measure ceilings that are not known yet, as with --quick")
    .option("--save <name>", "save the result with all its samples, as a profile")
    .option("--baseline <name>", "compare with a saved result")
    .option("--threshold <%>", THRESHOLD_HELP, percentage("--threshold"))
    .option("--lenient", LENIENT_HELP)
    .option("--html <file>", HTML_HELP)
    .option("--runs <dir>", RUNS_HELP);
}

/** The output of a bench: lines for people are printed only if the result is for people too. */
export function benchOutput(
  surroundings: Surroundings,
  options: TurnOptions & { readonly svg?: string },
): Output {
  const { output, svg, html, save, runs = RUNS_FOLDER } = options;
  const isForPeople = formatOf(options) === "table";
  checkOutputs([
    { option: "-o", path: output },
    { option: "--svg", path: svg },
    { option: "--html", path: html },
    {
      option: "--save",
      path: save === undefined ? undefined : savedFile(runs, save),
      makesFolder: true,
    },
  ]);
  const isReport = [output, svg, html, save].every((one) => one === undefined);
  return makeOutput(surroundings, !isForPeople && output === undefined, isReport);
}

/** The format of a result; throws InputError if two are requested. */
function formatOf({ json, md, format }: BenchOptions): Format {
  if (json === true && md === true) throw new InputError("give --json or --md, not both");
  const asked = json === true ? "json" : md === true ? "md" : undefined;
  if (asked !== undefined && format !== undefined && format !== asked) {
    throw new InputError(`--${asked} and --format ${format} contradict each other`);
  }
  return format ?? asked ?? "table";
}

/**
 * Opens the adapter, finds its ceilings and runs `work`; sets the exit code that `work` returns.
 */
export async function runBench(
  { surroundings, exit }: CommandContext,
  options: TurnOptions,
  work: (run: BenchRun) => Promise<number>,
): Promise<void> {
  const output = benchOutput(surroundings, options);
  const { runs = RUNS_FOLDER, baseline } = options;
  // A baseline that is missing is reported before anything is measured.
  if (baseline !== undefined) await readRun(runs, baseline);
  exit(
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      return await stoppable(output, async ({ signal }) => {
        const quantum_ns = await timerQuantum_ns(gpu);
        const ceilings = await benchCeilings({ gpu, output }, options, quantum_ns, signal);
        const environment = await describeEnvironment(gpu, quantum_ns);
        const settings = settingsOf(gpu, options);
        const bench = await prepareBench(gpu, quantum_ns, settings, false, signal);
        const progress = (line: string): void => output.progress(line, true);
        const others = watchOthers();
        const load = (): string[] => loadRemark(environment, others());
        const run = { gpu, output, surroundings, bench, ceilings, environment, progress, load };
        return await using(bench, async () => await work({ ...run, signal }));
      });
    }),
  );
}

/** The ceilings; null if they are unknown and the first ones, which take long, are not wanted. */
async function benchCeilings(
  run: Pick<BenchRun, "gpu" | "output">,
  { ceilings = true, quick = false }: TurnOptions,
  quantum_ns: number,
  signal: AbortSignal,
): Promise<Ceilings | null> {
  if (ceilings && !quick) {
    return await knownCeilings(run, quantum_ns, signal, "; --no-ceilings skips this");
  }
  const kept = await keptCeilings(run);
  if (kept === null) {
    run.output.progress('no share of ceilings: "ringdepth profile ceilings" measures them', true);
  }
  return kept;
}

/** Writes the result of a bench. */
export async function writeBench(
  surroundings: Surroundings,
  output: Output,
  options: BenchOptions,
  { rows, ...result }: Omit<Result, "csv"> & { readonly rows: readonly object[] },
): Promise<void> {
  const shown = { output: options.output, format: formatOf(options) };
  await writeResult(surroundings, output, shown, { ...result, csv: rowsCsv(rows) });
}

/** The exports of a file of bench/; throws InputError if there is no bench/. */
export async function benchFile<T>(name: string): Promise<T> {
  const file = new URL(`../../../bench/${name}.bench.ts`, import.meta.url);
  if (!existsSync(file)) {
    throw new InputError(
      `bench/${name}.bench.ts: no such file; bench/ exists only in a clone of the repository`,
    );
  }
  return (await import(file.href)) as T;
}

/** Reads values separated by commas. */
export function listOf<T>(read: (text: string) => T): (text: string) => readonly T[] {
  return (text) => text.split(",").map((part) => read(part.trim()));
}

/** Reads one of some names; throws InputError naming the option. */
export function oneOf<T extends string>(option: string, names: readonly T[]): (text: string) => T {
  return (text) => {
    const name = names.find((one) => one === text);
    if (name === undefined) {
      throw new InputError(`${option} ${text}: expected ${names.join(", ")}`);
    }
    return name;
  };
}

function settingsOf(
  { facts }: Gpu,
  { minSamples, timeout, quick = false }: TurnOptions,
): MeasureSettings {
  const usual = facts.software ? SOFTWARE : HARDWARE;
  const timeout_s = timeout ?? (quick ? Math.min(usual.timeout_s, QUICK_S) : usual.timeout_s);
  return {
    ...usual,
    min_samples: minSamples ?? usual.min_samples,
    time_s: Math.min(usual.time_s, timeout_s),
    timeout_s,
  };
}

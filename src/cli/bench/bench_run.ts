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
import { common, positiveNumber, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { stoppable } from "../terminal/measure_stop.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import { writeResult, type Result } from "../terminal/result.ts";
import type { Output, Surroundings } from "../terminal/surroundings.ts";
import { knownCeilings } from "../../measure/known_ceilings.ts";

/** Options of every bench. */
export interface BenchOptions extends CommonOptions {
  readonly md?: boolean;
  readonly output?: string;
}

/** Options of every bench whose plans are timed interleaved. */
export interface TurnOptions extends BenchOptions {
  readonly minSamples?: number;
  readonly timeout?: number;
}

/** The inputs of a bench. */
export interface BenchRun {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly bench: Bench;
  readonly ceilings: Ceilings;
  readonly environment: Environment;
  readonly progress: (line: string) => void;
  /** Once aborted, the rows measured so far are printed and no file is written. */
  readonly signal: AbortSignal;
}

// On a software adapter a round takes seconds, and there are many problems.
const HARDWARE: MeasureSettings = { time_s: 0.3, min_samples: 20, noise: 0.01, timeout_s: 3 };
const SOFTWARE: MeasureSettings = { time_s: 0.3, min_samples: 7, noise: 0.03, timeout_s: 4 };

/** Adds the options of every bench. */
export function benchOptions(command: Command, example: string): Command {
  return common(
    command
      .option("--md", "print the result as Markdown")
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
    .option("--timeout <s>", "maximum seconds of timing per problem", positiveNumber("--timeout"));
}

/** The output of a bench: lines for people are printed only if the result is for people too. */
export function benchOutput(
  surroundings: Surroundings,
  options: BenchOptions & { readonly svg?: string },
): Output {
  const { json, md, output, svg } = options;
  if (json === true && md === true) throw new InputError("give --json or --md, not both");
  checkOutputs([
    { option: "-o", path: output },
    { option: "--svg", path: svg },
  ]);
  const isReport = output === undefined && svg === undefined;
  return makeOutput(surroundings, (json === true || md === true) && output === undefined, isReport);
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
  exit(
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      return await stoppable(output, async ({ signal }) => {
        const quantum_ns = await timerQuantum_ns(gpu);
        const ceilings = await knownCeilings({ gpu, output }, quantum_ns, signal);
        const environment = await describeEnvironment(gpu, quantum_ns);
        const settings = settingsOf(gpu, options);
        const bench = await prepareBench(gpu, quantum_ns, settings, false, signal);
        const progress = (line: string): void => output.progress(line, true);
        const run = { gpu, output, surroundings, bench, ceilings, environment, progress, signal };
        return await using(bench, async () => await work(run));
      });
    }),
  );
}

/** Writes the result of a bench. */
export async function writeBench(
  surroundings: Surroundings,
  output: Output,
  { json, md, output: file }: BenchOptions,
  result: Omit<Result, "csv">,
): Promise<void> {
  const options = { json, output: file, ...(md === true && { format: "md" as const }) };
  await writeResult(surroundings, output, options, { ...result, csv: result.table });
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

function settingsOf({ facts }: Gpu, { minSamples, timeout }: TurnOptions): MeasureSettings {
  const usual = facts.software ? SOFTWARE : HARDWARE;
  const timeout_s = timeout ?? usual.timeout_s;
  return {
    ...usual,
    min_samples: minSamples ?? usual.min_samples,
    time_s: Math.min(usual.time_s, timeout_s),
    timeout_s,
  };
}

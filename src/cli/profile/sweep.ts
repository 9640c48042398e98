// `ringdepth profile GLOB --sweep`: checks and times the mappings and tuned values of kernels on
// the chosen problems and compares the best with the rule; --apply keeps the winners.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import { kernels } from "../../kernels/kernels.ts";
import { mappingsOf } from "../../engine/mapping.ts";
import { problemKey } from "../../engine/tuning.ts";
import { readCache } from "../../measure/cache_file.ts";
import { cachedFile } from "../../measure/environment.ts";
import {
  InterruptedError,
  nullIfInterrupted,
  prepareBench,
  type MeasureSettings,
} from "../../measure/measure.ts";
import type { Target } from "../../measure/run_profile.ts";
import { kernelOnDisk } from "../../measure/shader_source.ts";
import { sweepProblem, type SweepChoice, type Swept } from "../../tune/sweep.ts";
import { intervalText, timeText, verdictText } from "../../measure/text.ts";
import { FASTER, sweepTools } from "../../tune/sweep_tools.ts";
import { mappingText } from "../../tune/tune_step.ts";
import { entryOf, type KeyedProblem } from "../../tune/tuning_entry.ts";
import { keepTuning, readTuning, tuningPath, type TuningEntry } from "../../tune/tuning_file.ts";
import { InputError } from "../../tensor/error.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { interruptedLine, stoppable } from "../terminal/measure_stop.ts";
import { writeAll } from "../terminal/output_file.ts";
import { writeResult } from "../terminal/result.ts";
import { chooseTargets } from "../../profile/kernel/targets.ts";
import { pacedProgress } from "../terminal/paced_progress.ts";
import type { ProfileRun } from "./run.ts";
import type { ProfileOptions } from "./request.ts";
import type { Table } from "../terminal/table.ts";

/** One problem and the result of its sweep. */
interface SweptProblem extends KeyedProblem {
  readonly swept: Swept;
  readonly entry: TuningEntry | null;
}

/** Sweeps the kernels of `globs`, each base with its mappings; returns the exit code. */
export async function profileSweep(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
): Promise<number> {
  return await stoppable(run.output, async ({ signal }) => await sweepUntil(run, globs, signal));
}

async function sweepUntil(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { threshold = FASTER, apply = false } = options;
  const file = cachedFile(tuningPath, gpu.facts);
  // A broken file is reported before anything is measured.
  if (apply) await readCache(file, readTuning, output.warn);
  const problems = sweptProblems(await chooseTargets(gpu, globs, options));
  const choice = sweepChoice(options.sweep, problems);
  const bench = await prepareBench(
    gpu,
    await timerQuantum_ns(gpu),
    sweepSettings(options),
    false,
    signal,
  );
  const tools = sweepTools(bench, threshold);
  const found: SweptProblem[] = [];
  const progress = pacedProgress(output);
  try {
    for (const [i, one] of problems.entries()) {
      const { base, problem } = one;
      if (signal.aborted) break;
      progress(`${i + 1}/${problems.length} ${one.key}`);
      const swept = await sweepProblem(tools, base, gpu.facts, problem, choice).catch(
        nullIfInterrupted,
      );
      if (swept === null) break;
      found.push({ ...one, swept, entry: entryOf(one, swept, gpu.facts) });
    }
  } finally {
    bench.destroy();
  }
  const interrupted = found.length < problems.length;
  if (interrupted && found.length === 0) throw new InterruptedError("interrupted");
  const errors = found.flatMap(({ swept }) => swept.rows.map(({ error }) => error));
  for (const error of new Set(errors)) if (error !== "") output.warn(error);
  const table = sweepTable(found);
  await writeAll(
    async () => {
      // A partial result never replaces a file.
      const shown = interrupted ? { ...options, output: undefined } : options;
      await writeResult(surroundings, output, shown, {
        value: {
          threshold,
          ...(interrupted && { interrupted }),
          problems: found.map(({ key, problem, swept }) => ({ key, case: problem.name, ...swept })),
        },
        table,
        csv: table,
        ...(interrupted && {
          notes: [interruptedLine(found.length, problems.length, "problems")],
        }),
      });
    },
    async () => {
      if (apply && !interrupted) {
        const winners = found.flatMap(({ entry }) => (entry?.reason === "faster" ? [entry] : []));
        const choices = { steps: [], entries: winners };
        const { keptIn } = await keepTuning(file, gpu.facts, choices, output.warn);
        if (keptIn !== null) output.say(`${winners.length} choices kept in ${keptIn}`);
      }
    },
  );
  const wrong = found.some(({ swept }) => swept.rows[0].error !== "");
  return wrong ? EXIT.wrong : EXIT.fine;
}

/** The problems of base kernels, each once, with every mapping as it is on disk. */
function sweptProblems(targets: readonly Target[]): KeyedProblem[] {
  const families = new Map<string, AnyKernel>();
  const found = new Map<string, KeyedProblem>();
  for (const { kernel, problem } of targets) {
    const { name } = kernel.shader;
    const base = families.get(name) ?? familyOnDisk(name);
    for (const { shader } of mappingsOf(base)) families.set(shader.name, base);
    const key = problemKey(base, problem.shapes, problem.attributes);
    found.set(key, { key, base, problem });
  }
  return [...found.values()];
}

/**
 * The base of the mapping `name` with all its mappings; throws InputError if one breaks a rule of
 * shader files.
 */
function familyOnDisk(name: string): AnyKernel {
  const isBase = (one: AnyKernel): boolean =>
    mappingsOf(one).some(({ shader }) => shader.name === name);
  const [base, ...variants] = mappingsOf(kernels.find(isBase)!);
  const sourced = [base, ...variants].map(kernelOnDisk);
  const broken = sourced.find(({ fault }) => fault !== "");
  if (broken !== undefined) throw new InputError(broken.fault);
  const [onDisk, ...others] = sourced.map(({ kernel }) => kernel);
  return { ...onDisk, variants: () => others };
}

/**
 * Reads `TM=2,4 variant=gemm,gemm_register`; throws InputError for names and values that no swept
 * kernel has.
 */
function sweepChoice(
  texts: ProfileOptions["sweep"],
  problems: readonly KeyedProblem[],
): SweepChoice {
  const mappings = problems.flatMap(({ base }) => mappingsOf(base));
  const lines = mappings.flatMap(({ shader }) => shader.tune);
  const names = new Set(mappings.map(({ shader }) => shader.name));
  const constants: Record<string, readonly number[]> = {};
  let chosen: readonly string[] | undefined;
  for (const text of texts === undefined || texts === true ? [] : texts) {
    const [name, list = ""] = text.split("=");
    const values = list.split(",").filter((value) => value !== "");
    if (values.length === 0) {
      throw new InputError(
        `--sweep ${text}: expected NAME=VALUE,VALUE; name kernels before --sweep`,
      );
    }
    if (name === "variant") {
      const stranger = values.find((value) => !names.has(value));
      if (stranger !== undefined) throw noSuch("a mapping", stranger, [...names]);
      chosen = values;
      continue;
    }
    const own = lines.filter((line) => line.name === name);
    if (own.length === 0)
      throw noSuch(
        "a constant",
        name,
        lines.map((line) => line.name),
      );
    const listed = own.flatMap((line) => line.values);
    const stranger = values.find((value) => !listed.includes(Number(value)));
    if (stranger !== undefined) throw noSuch(`a value of ${name}`, stranger, listed.map(String));
    constants[name] = values.map(Number);
  }
  return {
    ...(Object.keys(constants).length > 0 && { constants }),
    ...(chosen !== undefined && { kernels: chosen }),
  };
}

function noSuch(what: string, name: string, there: readonly string[]): InputError {
  const known = [...new Set(there)].join(", ");
  const list = known === "" ? "there are none" : `expected ${known}`;
  return new InputError(`--sweep: ${name} is not ${what}; ${list}`);
}

/** How long each comparison of a sweep is measured. */
export function sweepSettings(options: ProfileOptions): MeasureSettings {
  const { time = 0.3, minSamples = 30, noise = 0.01, timeout = 3 } = options;
  return { time_s: Math.min(time, timeout), min_samples: minSamples, noise, timeout_s: timeout };
}

function sweepTable(found: readonly SweptProblem[]): Table {
  return {
    head: ["case", "candidate", "ok", "quick time", "vs rule", "change [95 %]", "verdict"],
    rows: found.flatMap(({ problem, swept }) => sweptRows(problem.name, swept)),
  };
}

/** Why a candidate has no verdict; the best has none if the clock is too coarse. */
function remark(dropped: boolean, best: boolean): string {
  if (dropped) return "dropped";
  return best ? "? too short" : "";
}

/** One row per candidate, the rule first; the best one includes the interleaved comparison. */
function sweptRows(name: string, { rows, comparison }: Swept): string[][] {
  const times = rows.map(({ time_ms }) => time_ms ?? Infinity);
  const best = times.indexOf(Math.min(...times));
  return rows.map((row, i) => {
    const { error, time_ms, dropped } = row;
    const label = [name, i === 0 ? `${mappingText(row)} (rule)` : mappingText(row)];
    if (error !== "" || time_ms === null) return [...label, "WRONG", "", "", "", ""];
    const ratio = `${dropped ? "> " : ""}${(time_ms / times[0]).toFixed(2)}`;
    const judged = i === best && comparison !== null;
    return [
      ...label,
      "yes",
      timeText(time_ms),
      ratio,
      judged ? intervalText(comparison.change) : "",
      judged ? verdictText(comparison) : remark(dropped, i === best && i > 0),
    ];
  });
}

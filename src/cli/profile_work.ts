// What `ringdepth profile` does on a GPU: kernels one by one, two in turn, or the ceilings.
import { rm } from "node:fs/promises";
import { systemReason } from "../formats/atomic_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { timerQuantum_ns } from "../gpu/timestamps.ts";
import {
  ceilingsFile,
  ceilingsTimeout_s,
  measureCeilings,
  raisedCeilings,
  readCeilings,
  writeCeilings,
  type Ceilings,
  type CeilingsTime,
} from "../profile/ceilings.ts";
import { closingLine } from "../profile/closing_line.ts";
import { mergeCache, readCache } from "../profile/cache_file.ts";
import { cachedFile, describeEnvironment } from "../profile/environment.ts";
import {
  InterruptedError,
  prepareBench,
  type Bench,
  type MeasureSettings,
} from "../profile/measure.ts";
import { watchOthers } from "../profile/other_load.ts";
import { stampCost_us } from "../profile/instrumentation.ts";
import { intervalText, remarks, timeText, verdictText } from "../profile/profile_text.ts";
import { profilePair, profileTargets, type PairRow, type Target } from "../profile/run_profile.ts";
import {
  compareRuns,
  missingRows,
  readRun,
  saveRun,
  SAVED_RUN_VERSION,
  type ProfileRow,
  type SavedRun,
} from "../profile/saved_run.ts";
import { summarize, summarizeTiming, type Summary } from "../profile/summary.ts";
import { globPattern } from "./check_kernels.ts";
import { EXIT } from "./exit_code.ts";
import type { Output } from "./output.ts";
import type { ProfileOptions, ResultOptions } from "./profile_options.ts";
import { writeProfilePage } from "./profile_html.ts";
import { ZEROS_WARNING } from "./profile_data.ts";
import { measuredCosts } from "./profile_costs.ts";
import { judge } from "./profile_gate.ts";
import { interruptedLine, stoppable } from "./measure_stop.ts";
import { writeAll } from "./output_file.ts";
import { writeResult } from "./profile_result.ts";
import { compareCeilings } from "./profile_repeat.ts";
import {
  ceilingsLines,
  ceilingsTable,
  environmentLine,
  explain,
  summaryCsv,
  summaryTable,
  type Table,
} from "./profile_table.ts";
import { choosePair, chooseTargets } from "./profile_targets.ts";
import type { Surroundings } from "./surroundings.ts";

/** What a profile is given. */
export interface ProfileRun<Options> {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly options: Options;
}

/** Folder of saved profiles where none is given. */
export const RUNS_FOLDER = "runs/profile";
// Of the ceilings, where somebody waits for what is set under them.
const FIRST_LOOK: CeilingsTime = { times: 1, timeout_s: 40 };
// Change that counts where none is given.
const THRESHOLD = 0.03;
const SOFTWARE_THRESHOLD = 0.1;

/**
 * The change that counts between profiles taken apart: a software adapter shares its processor with
 * all else that runs.
 */
export function thresholdApart({ software }: { readonly software: boolean }): number {
  return software ? SOFTWARE_THRESHOLD : THRESHOLD;
}

/** Profiles the kernels of `globs`, as `command` says; returns the exit code. */
export async function profileKernels(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
  command: string,
): Promise<number> {
  return await stoppable(run.output, async ({ signal }) => {
    return await profileUntil(run, globs, command, signal);
  });
}

async function profileUntil(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
  command: string,
  signal: AbortSignal,
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { runs = RUNS_FOLDER, baseline } = options;
  const { threshold = thresholdApart(gpu.facts) } = options;
  // What may be wrong with the command line shows before anything is measured.
  const before = baseline === undefined ? null : await readRun(runs, baseline);
  const targets = await chooseTargets(gpu, globs, options);
  if (options.data === "zeros") output.warn(ZEROS_WARNING);
  const quantum_ns = await timerQuantum_ns(gpu);
  const environment = await describeEnvironment(gpu, quantum_ns);
  const empty: SavedRun = {
    version: SAVED_RUN_VERSION,
    date: new Date().toISOString(),
    environment,
    rows: [],
  };
  if (before !== null) compareRuns(before, empty, threshold);
  const ceilings = await knownCeilings(run, quantum_ns, signal);
  const settings = settingsOf(options, 20);
  const bench = await prepareBench(gpu, quantum_ns, settings, options.hot !== true, signal);
  const most = `${settings.timeout_s} s for each state of the caches`;
  output.progress(
    `measuring ${targets.length} ${targets.length === 1 ? "row" : "rows"}, at most ${most}`,
    true,
  );
  const others = watchOthers();
  const { profile, costs, instrumentation_us } = await using(bench, async () => {
    const rows = await profileTargets(bench, targets, options.cold !== true, (line) =>
      output.progress(line, false),
    );
    return {
      profile: { ...empty, rows },
      costs: signal.aborted ? [] : await measuredCosts(run, bench, targets, rows),
      instrumentation_us: signal.aborted ? undefined : await stampCost_us(gpu),
    };
  });
  const others_share = others();
  // The row that was measured last may have been whole when the signal came.
  const interrupted = profile.rows.length < targets.length;
  if (interrupted && profile.rows.length === 0) throw new InterruptedError("interrupted");
  // What is not whole takes the place of no file.
  const { save, html, ...shown } = interrupted
    ? { ...options, save: undefined, html: undefined, output: undefined }
    : options;
  const against =
    before === null ? null : { name: baseline!, rows: compareRuns(before, profile, threshold) };
  const found = summarize(profile, ceilings, against);
  const summary: Summary = {
    ...found,
    rows: found.rows.map((row, i) => ({ ...row, costs: costs[i] ?? null })),
    ...(interrupted && { interrupted }),
    ...(before !== null &&
      !interrupted && {
        missing: missingRows(before, profile, wantedRow(globs, run, targets)),
      }),
    ...(instrumentation_us !== undefined && { instrumentation_us }),
  };
  output.say(environmentLine(summary));
  for (const error of new Set(summary.rows.map((row) => row.error))) {
    if (error !== "") output.warn(error);
  }
  const gate = judge([...(against?.rows ?? []), ...(summary.missing ?? [])], options);
  await writeAll(
    async () =>
      await writeResult(surroundings, output, shown, {
        value: summary,
        table: summaryTable(summary),
        csv: summaryCsv(summary),
      }),
    async () => {
      if (interrupted) {
        output.say(interruptedLine(profile.rows.length, targets.length, "rows"));
      }
      for (const line of remarks(summary, others_share)) output.say(line);
      output.say(closingLine(summary));
      if (options.explain === true) for (const line of explain(summary)) output.say(line);
      if (before !== null) for (const line of gate.lines) output.say(line);
      if (save !== undefined) output.say(`saved ${await saveRun(runs, save, profile)}`);
    },
    async () =>
      await writeProfilePage(output, html, { ...summary, summary, run: profile, command }),
  );
  if (summary.rows.some(({ ok }) => !ok)) return EXIT.wrong;
  return gate.failed ? EXIT.gate : EXIT.fine;
}

/** Whether a row of a baseline is one that this profile was asked for. */
function wantedRow(
  globs: readonly string[],
  { options }: ProfileRun<ProfileOptions>,
  targets: readonly Target[],
): (row: ProfileRow) => boolean {
  const profiled = new Set(targets.map(({ kernel }) => kernel.shader.name));
  const patterns = globs.map(globPattern);
  return ({ kernel, case: name }) =>
    (globs.length === 0 || profiled.has(kernel) || patterns.some((one) => one.test(kernel))) &&
    name.includes(options.case ?? "");
}

/** Times two kernels in turn; returns the exit code. */
export async function profileTwo(
  run: ProfileRun<ProfileOptions>,
  names: readonly string[],
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { threshold = THRESHOLD } = options;
  const pair = await choosePair(gpu, names, options);
  if (options.data === "zeros") output.warn(ZEROS_WARNING);
  const quantum_ns = await timerQuantum_ns(gpu);
  const bench = await prepareBench(gpu, quantum_ns, settingsOf(options, 100), false);
  const rows = await using(bench, async () =>
    profilePair(bench, pair.kernels, pair.problems, threshold, (line) =>
      output.progress(line, false),
    ),
  );
  for (const { error } of rows) if (error !== "") output.warn(error);
  const table = pairTable(names, rows);
  const environment = await describeEnvironment(gpu, quantum_ns);
  await writeResult(surroundings, output, options, {
    value: { environment, a: names[0], b: names[1], threshold, rows: rows.map(pairValue) },
    table,
    csv: table,
  });
  if (rows.some(({ error }) => error !== "")) return EXIT.wrong;
  const slow = rows.some(({ timing }) => timing?.comparison.verdict === "SLOW");
  return options.gate === true && slow ? EXIT.gate : EXIT.fine;
}

/** How the ceilings are measured. */
export interface CeilingsOptions extends ResultOptions {
  readonly repeat?: number;
  readonly timeout?: number;
  /** Forget what was reached before. */
  readonly anew?: boolean;
}

/**
 * Measures the ceilings and keeps the most that was ever reached, `repeat` times; returns the exit
 * code.
 */
export async function profileCeilings(run: ProfileRun<CeilingsOptions>): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { repeat = 1, anew = false, timeout } = options;
  const quantum_ns = await timerQuantum_ns(gpu);
  if (anew) await forgetCeilings(run);
  const time = { times: repeat, timeout_s: timeout };
  const { measured, kept: ceilings } = await newCeilings(run, quantum_ns, time);
  if (repeat > 1) return await compareCeilings(run, measured, ceilings);
  const table = ceilingsTable(ceilings);
  await writeResult(surroundings, output, options, { value: ceilings, table, csv: table });
  for (const line of ceilingsLines(ceilings)) output.say(line);
  return EXIT.fine;
}

/**
 * The ceilings of the adapter, measured for a short while where they are not known, since somebody
 * waits for another result.
 */
export async function knownCeilings(
  run: Pick<ProfileRun<unknown>, "gpu" | "output">,
  quantum_ns: number,
  signal?: AbortSignal,
): Promise<Ceilings> {
  const file = cachedFile(ceilingsFile, run.gpu.facts);
  const known = await readCache(file, readCeilings, run.output.warn);
  return known ?? (await newCeilings(run, quantum_ns, { ...FIRST_LOOK, signal })).kept;
}

/** Removes the ceilings that are kept, and says so where that fails. */
async function forgetCeilings({
  gpu,
  output,
}: Pick<ProfileRun<unknown>, "gpu" | "output">): Promise<void> {
  const file = cachedFile(ceilingsFile, gpu.facts);
  if (file === null) return;
  try {
    await rm(file, { force: true });
  } catch (error) {
    output.warn(`${file}: cannot remove: ${systemReason(error)}`);
  }
}

function ceilingsTimeText({ facts }: Gpu, { times, timeout_s }: CeilingsTime): string {
  const each = timeout_s ?? ceilingsTimeout_s(facts);
  return `at most ${Math.round(times * each)} s`;
}

async function newCeilings(
  { gpu, output }: Pick<ProfileRun<unknown>, "gpu" | "output">,
  quantum_ns: number,
  time: CeilingsTime,
): Promise<{ readonly measured: readonly Ceilings[]; readonly kept: Ceilings }> {
  const file = cachedFile(ceilingsFile, gpu.facts);
  // What is wrong with the file shows before anything is measured.
  await readCache(file, readCeilings, output.warn);
  const progress = (line: string): void => output.progress(line, false);
  output.progress(`measuring the ceilings of this adapter, ${ceilingsTimeText(gpu, time)}`, true);
  const all = await measureCeilings(gpu, quantum_ns, time, progress);
  const measured = all.map(({ ceilings }) => ceilings);
  const merge = (known: Ceilings | null): Ceilings =>
    [...(known === null ? [] : [known]), ...measured].reduce(raisedCeilings);
  const access = { read: readCeilings, write: writeCeilings, merge };
  const { value: kept, keptIn } = await mergeCache(file, access, output.warn);
  output.say(`ceilings measured${keptIn === null ? "" : `, kept in ${keptIn}`}`);
  const [{ figures }] = all;
  const unsettled = Math.max(...all.map((one) => one.unsettled));
  if (unsettled > 0) {
    output.say(
      `${unsettled} of ${figures} figures had not settled when the time was up: ` +
        `"ringdepth profile ceilings" may raise them`,
    );
  }
  return { measured, kept };
}

function settingsOf(options: ProfileOptions, samples: number): MeasureSettings {
  const { time = 0.5, minSamples = samples, noise = 0.01, timeout = 15 } = options;
  return { time_s: Math.min(time, timeout), min_samples: minSamples, noise, timeout_s: timeout };
}

/** Frees the bench when `work` is done. */
export async function using<T>(bench: Bench, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    bench.destroy();
  }
}

function pairTable(names: readonly string[], rows: readonly PairRow[]): Table {
  return {
    head: ["case", `A ${names[0]}`, `B ${names[1]}`, "pairs", "B against A", "verdict"],
    rows: rows.map(({ case: name, timing }) => {
      if (timing === null) return [name, "WRONG", "", "", "", ""];
      const { a, b, comparison } = timing;
      const times = [a, b].map((t) => timeText(summarizeTiming(t).median_ms));
      const pairs = String(a.samples_ms.length);
      const verdict = a.trusted && b.trusted ? verdictText(comparison) : "? too short";
      return [name, ...times, pairs, intervalText(comparison.change), verdict];
    }),
  };
}

function pairValue({ case: name, error, timing }: PairRow): unknown {
  if (timing === null) return { case: name, ok: false, error };
  const { a, b, comparison } = timing;
  const side = (t: typeof a): unknown => ({ ...summarizeTiming(t), samples_ms: t.samples_ms });
  return { case: name, ok: true, error, a: side(a), b: side(b), ...comparison };
}

// `ringdepth profile FILE.wgsl --sweep WG=64,128,256`: every combination of the given numbers is
// checked and timed quickly; the best is compared with the file as it is, interleaved.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { nullIfInterrupted, prepareBench, using } from "../../measure/measure.ts";
import { pairSubjects, type PairRow } from "../../measure/run_profile.ts";
import { intervalText, timeText, verdictText } from "../../measure/text.ts";
import { mergeSettings } from "../../profile/outside/settings.ts";
import {
  outsideSubject,
  readShaderText,
  settingsOf,
  type OutsideSubject,
} from "../../profile/outside/subject.ts";
import { InputError } from "../../tensor/error.ts";
import { FASTER, quickTime } from "../../tune/sweep_tools.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { interruptedLine, stoppable } from "../terminal/measure_stop.ts";
import { writeResult } from "../terminal/result.ts";
import type { Table } from "../terminal/table.ts";
import { fileSettings } from "./file_options.ts";
import { dataOf, sayAssumed } from "./file_targets.ts";
import type { ProfileOptions } from "./request.ts";
import { pacedProgress } from "../terminal/paced_progress.ts";
import type { ProfileRun } from "./run.ts";
import { sweepSettings } from "./sweep.ts";

const MOST_CANDIDATES = 256;

/** One candidate; the first is the file as it is. */
interface Candidate {
  readonly values: Readonly<Record<string, number>>;
  readonly error: string;
  readonly checked: boolean;
  readonly time_ms: number | null;
  readonly dropped: boolean;
}

/** Sweeps numbers of one file; returns the exit code. */
export async function sweepFile(
  run: ProfileRun<ProfileOptions>,
  targets: readonly string[],
): Promise<number> {
  return await stoppable(run.output, async ({ signal }) => await sweepUntil(run, targets, signal));
}

async function sweepUntil(
  run: ProfileRun<ProfileOptions>,
  targets: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  if (targets.length > 1) throw new InputError("--sweep: one file at a time");
  const lists = swept(options.sweep);
  const shader = await readShaderText(targets[0]);
  const settings = await settingsOf(shader.file, fileSettings(options));
  const subjectOf = async (values: Candidate["values"]): Promise<OutsideSubject> =>
    await outsideSubject(
      gpu,
      shader,
      mergeSettings(settings, { values }),
      dataOf(options),
      () => undefined,
    );
  const plain = await subjectOf({});
  sayAssumed(run, plain);
  if (plain.problem !== null) refuseFixedGrid(plain, Object.keys(lists));
  const { threshold = FASTER } = options;
  const quantum_ns = await timerQuantum_ns(gpu);
  const bench = await prepareBench(gpu, quantum_ns, sweepSettings(options), false, signal);
  const all = [{}, ...combinations(lists)];
  const rows: Candidate[] = [];
  const progress = pacedProgress(output);
  const found = await using(bench, async () => {
    const best: { subject: OutsideSubject; time_ms: number } = {
      subject: plain,
      time_ms: Infinity,
    };
    for (const [i, values] of all.entries()) {
      if (signal.aborted) break;
      progress(`${i + 1}/${all.length} ${valuesText(values)}`);
      const subject = i === 0 ? plain : await subjectOf(values);
      const { error, checked } = await subject.check(gpu);
      if (error !== "") {
        rows.push({ values, error, checked: checked !== "none", time_ms: null, dropped: false });
        if (i === 0) break; // A wrong shader is to be repaired first.
        continue;
      }
      const prepared = await subject.prepare(gpu);
      try {
        const { time_ms, dropped } = await quickTime(bench, prepared, best.time_ms);
        rows.push({ values, error, checked: checked !== "none", time_ms, dropped });
        if (time_ms < best.time_ms) Object.assign(best, { subject, time_ms });
      } finally {
        prepared.destroy();
      }
    }
    if (best.subject === plain || signal.aborted) return null;
    const pairs = [[plain, best.subject] as const];
    const pair = await pairSubjects(bench, pairs, threshold, () => undefined).catch(
      nullIfInterrupted,
    );
    return pair?.[0] ?? null;
  });
  for (const error of new Set(rows.map((row) => row.error))) if (error !== "") output.warn(error);
  const table = sweepTable(plain.case, rows, found);
  const interrupted = rows.length < all.length && rows[0]?.error === "";
  await writeResult(
    surroundings,
    output,
    interrupted ? { ...options, output: undefined } : options,
    {
      value: { threshold, file: shader.label, case: plain.case, rows, pair: found },
      table,
      csv: table,
      ...(interrupted && { notes: [interruptedLine(rows.length, all.length, "candidates")] }),
    },
  );
  return rows[0]?.error === "" ? EXIT.fine : EXIT.wrong;
}

/** Reads `WG=64,128`. */
function swept(texts: ProfileOptions["sweep"]): Record<string, readonly number[]> {
  const list = texts === undefined || texts === true ? [] : texts;
  if (list.length === 0) {
    throw new InputError("--sweep: name what to vary in a file: --sweep WG=64,128,256");
  }
  const lists: Record<string, readonly number[]> = {};
  for (const text of list) {
    const [, name, values = ""] = /^([\w.]+)=([-\d.,e]+)$/.exec(text) ?? [];
    const numbers = values.split(",").map(Number);
    if (name === undefined || !numbers.every(Number.isFinite)) {
      throw new InputError(
        `--sweep ${text}: expected NAME=VALUE,VALUE; name the file before --sweep`,
      );
    }
    lists[name] = numbers;
  }
  const count = combinations(lists).length;
  if (count > MOST_CANDIDATES) {
    throw new InputError(`--sweep: ${count} combinations, at most ${MOST_CANDIDATES} are tried`);
  }
  return lists;
}

/** A grid in plain numbers would make other workgroups do other work. */
function refuseFixedGrid({ problem }: OutsideSubject, names: readonly string[]): void {
  const { grid } = problem!.settings;
  const isFixed = grid?.every((one) => typeof one === "number") ?? false;
  const sized = names.filter((name) =>
    problem!.declarations.entries.some(({ workgroup }) => workgroup.includes(name)),
  );
  if (!isFixed || sized.length === 0) return;
  throw new InputError(
    `--sweep ${sized[0]}: the grid is ${grid!.join(" x ")} whatever ${sized[0]} is: give --threads, or an expression such as 'ceil(n / ${sized[0]})'`,
  );
}

function combinations(
  lists: Readonly<Record<string, readonly number[]>>,
): Record<string, number>[] {
  return Object.entries(lists).reduce<Record<string, number>[]>(
    (all, [name, values]) =>
      all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

function valuesText(values: Candidate["values"]): string {
  const text = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  return text.length === 0 ? "as it is" : text.join(" ");
}

function sweepTable(name: string, rows: readonly Candidate[], pair: PairRow | null): Table {
  const times = rows.map(({ time_ms }) => time_ms ?? Infinity);
  const best = times.indexOf(Math.min(...times));
  return {
    head: ["case", "candidate", "ok", "quick time", "vs as it is", "change [95 %]", "verdict"],
    rows: rows.map(({ values, error, checked, time_ms, dropped }, i) => {
      const label = [name, valuesText(values)];
      if (error !== "" || time_ms === null) return [...label, "WRONG", "", "", "", ""];
      const timing = i === best ? (pair?.timing ?? null) : null;
      return [
        ...label,
        checked ? "yes" : "unchecked",
        timeText(time_ms),
        `${dropped ? "> " : ""}${(time_ms / times[0]).toFixed(2)}`,
        timing === null ? "" : intervalText(timing.comparison.change),
        timing === null ? (dropped ? "dropped" : "") : verdictText(timing.comparison),
      ];
    }),
  };
}

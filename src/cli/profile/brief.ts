// `ringdepth profile --brief`: each problem with the mapping that this adapter runs, its time and its
// rates, and nothing else.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import {
  InterruptedError,
  prepareBench,
  using,
  type Bench,
  type MeasureSettings,
} from "../../measure/measure.ts";
import { profileSubjects, type Target } from "../../measure/run_profile.ts";
import { headline, rateText, timeRemarks, timingText } from "../../measure/text.ts";
import { BRIEF, briefOf, briefRows, type BriefRow } from "../../profile/kernel/brief.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { interruptedLine, stoppable } from "../terminal/measure_stop.ts";
import { writeResult } from "../terminal/result.ts";
import type { Table } from "../terminal/table.ts";
import { fileSubjects, folderOf } from "./file_targets.ts";
import type { ProfileOptions } from "./request.ts";
import { pacedProgress } from "../terminal/paced_progress.ts";
import type { ProfileRun } from "./run.ts";

/** The options that a brief profile reads. */
export type BriefOptions = Pick<
  ProfileOptions,
  "json" | "format" | "output" | "time" | "minSamples" | "noise" | "timeout"
>;

/** Times the targets; returns the exit code. */
export async function profileBrief(
  run: ProfileRun<BriefOptions>,
  targets: readonly Target[],
): Promise<number> {
  return await brief(run, targets.length, async (bench, progress) =>
    briefRows(bench, targets, progress),
  );
}

/** Times shaders from anywhere; returns the exit code. */
export async function profileBriefFiles(
  run: ProfileRun<ProfileOptions>,
  files: readonly string[],
): Promise<number> {
  const subjects = await fileSubjects(run, files);
  return await brief(
    run,
    subjects.length,
    async (bench, progress) => briefOf(await profileSubjects(bench, subjects, true, progress)),
    folderOf(files),
  );
}

async function brief(
  { gpu, output, surroundings, options }: ProfileRun<BriefOptions>,
  count: number,
  measure: (bench: Bench, progress: (line: string) => void) => Promise<BriefRow[]>,
  folder?: string,
): Promise<number> {
  return await stoppable(output, async ({ signal }) => {
    const quantum_ns = await timerQuantum_ns(gpu);
    const environment = await describeEnvironment(gpu, quantum_ns, folder);
    const date = new Date().toISOString();
    const settings = briefSettings(options);
    const bench = await prepareBench(gpu, quantum_ns, settings, false, signal);
    const progress = pacedProgress(output);
    const rows = await using(bench, async () => await measure(bench, progress));
    const interrupted = rows.length < count;
    if (interrupted && rows.length === 0) throw new InterruptedError("interrupted");
    for (const { error } of rows) if (error !== "") output.warn(error);
    const table = briefTable(rows);
    // A result that is not whole replaces no file.
    const shown = interrupted ? { ...options, output: undefined } : options;
    await writeResult(surroundings, output, shown, {
      value: { date, environment, settings, rows, ...(interrupted && { interrupted }) },
      table,
      csv: table,
      notes: [
        headline(environment, date),
        ...timeRemarks(rows),
        ...(interrupted ? [interruptedLine(rows.length, count, "rows")] : []),
      ],
    });
    return rows.some(({ error }) => error !== "") ? EXIT.wrong : EXIT.fine;
  });
}

function briefSettings({ time, minSamples, noise, timeout }: BriefOptions): MeasureSettings {
  const timeout_s = timeout ?? Math.max(BRIEF.timeout_s, time ?? 0);
  return {
    time_s: Math.min(time ?? BRIEF.time_s, timeout_s),
    min_samples: minSamples ?? BRIEF.min_samples,
    noise: noise ?? BRIEF.noise,
    timeout_s,
  };
}

function briefTable(rows: readonly BriefRow[]): Table {
  return {
    head: ["kernel", "case", "time p50 [95 %]", "GFLOP/s", "GB/s"],
    rows: rows.map((row) => [
      row.kernel,
      row.case,
      row.error === "" ? `${timingText(row.time)}${uncheckedMark(row)}` : "WRONG",
      row.gflops === null ? "" : rateText(row.gflops),
      row.gbytes === null ? "" : rateText(row.gbytes),
    ]),
  };
}

function uncheckedMark({ checked }: BriefRow): string {
  return checked === "none" ? " unchecked" : "";
}

// A bench as a saved profile: the same files, comparisons, gates and pages as `ringdepth profile`.
import type { Environment } from "../../measure/environment.ts";
import {
  compareRuns,
  missingRows,
  readRun,
  saveRun,
  SAVED_RUN_VERSION,
  type ProfileRow,
  type SavedRun,
} from "../../measure/saved_run.ts";
import { summarize } from "../../measure/summary.ts";
import { intervalText, verdictText } from "../../measure/text.ts";
import type { ProfileReport } from "../../profile/page/page.ts";
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import { judge, thresholdApart } from "../terminal/gate.ts";
import { writeProfilePage } from "../terminal/profile_page.ts";
import { RUNS_FOLDER } from "../terminal/result_options.ts";
import type { BenchRun, TurnOptions } from "./bench_run.ts";

/** A row with its names in a saved profile: the alternative, and the problem. */
export interface NamedRow {
  readonly way: string;
  readonly case: string;
  readonly row: WayRow;
}

/** The rows of a bench as a profile that can be saved. */
function savedBench(environment: Environment, date: string, rows: readonly NamedRow[]): SavedRun {
  return {
    version: SAVED_RUN_VERSION,
    date,
    environment,
    rows: rows.map(({ way, case: name, row }): ProfileRow => {
      const { error, flops, bytes, timing } = row;
      // A plan has many shaders, and the commit in the environment names them all.
      return {
        kernel: way,
        case: name,
        shader_hash: "",
        checked: "case",
        error,
        flops,
        bytes,
        cold: null,
        hot: timing,
      };
    }),
  };
}

/**
 * Compares a bench with `--baseline`, saves it under `--save` and writes the page of `--html`, as
 * requested; returns whether the gate failed. An interrupted bench is only compared. The page shows
 * the name and the findings of `bench`.
 */
export async function concludeBench(
  { output, environment, ceilings, signal }: BenchRun,
  options: TurnOptions & { readonly gate?: boolean },
  date: string,
  rows: readonly NamedRow[],
  bench: NonNullable<ProfileReport["bench"]>,
): Promise<boolean> {
  const { runs = RUNS_FOLDER, baseline, save, html, gate, lenient } = options;
  const run = savedBench(environment, date, rows);
  let failed = false;
  let against = null;
  if (baseline !== undefined) {
    const before = await readRun(runs, baseline);
    const { threshold = thresholdApart(environment) } = options;
    const compared = compareRuns(before, run, threshold);
    against = { name: baseline, rows: compared };
    for (const one of compared) {
      const change = one.change === null ? "" : `, ${intervalText(one.change)}`;
      output.say(`vs ${baseline}: ${one.kernel}, ${one.case}: ${verdictText(one)}${change}`);
    }
    const missing = signal.aborted ? [] : missingRows(before, run);
    const judged = judge([...compared, ...missing], {
      ...(gate !== undefined && { gate }),
      ...(lenient !== undefined && { lenient }),
    });
    for (const line of judged.lines) output.say(line);
    failed = judged.failed;
  }
  if (signal.aborted) return failed;
  if (save !== undefined) output.say(`saved ${await saveRun(runs, save, run)}`);
  const summary = summarize(run, ceilings, against);
  await writeProfilePage(output, html, { ...summary, summary, run, bench });
  return failed;
}

// What `ringdepth profile` does without a GPU: saved profiles listed, shown and compared.
import { ceilingsFile, readCeilings } from "../profile/ceilings.ts";
import { cacheFolder } from "../profile/environment.ts";
import { compareRuns, readRun, savedNames, type RowComparison } from "../profile/saved_run.ts";
import { summarize } from "../profile/summary.ts";
import { EXIT } from "./exit_code.ts";
import { makeOutput } from "./output.ts";
import type { ResultOptions } from "./profile.ts";
import { writeProfilePage } from "./profile_html.ts";
import { writeResult } from "./profile_result.ts";
import { comparisonTable, summaryCsv, summaryTable, type Table } from "./profile_table.ts";
import { RUNS_FOLDER, thresholdApart } from "./profile_work.ts";
import type { Surroundings } from "./surroundings.ts";

/** Lists the saved profiles. */
export async function listSaved(surroundings: Surroundings, options: ResultOptions): Promise<void> {
  const { runs = RUNS_FOLDER } = options;
  const list = [];
  for (const name of await savedNames(runs)) {
    const { date, environment, rows } = await readRun(runs, name);
    const commit = environment.git?.commit.slice(0, 8) ?? "";
    list.push({ name, date, adapter: environment.adapter, commit, rows: rows.length });
  }
  const table: Table = {
    head: ["name", "date", "adapter", "commit", "rows"],
    rows: list.map((one) => [one.name, one.date, one.adapter, one.commit, String(one.rows)]),
  };
  const output = makeOutput(surroundings, options.json === true);
  await writeResult(surroundings, output, options, { value: list, table, csv: table });
}

/** Shows a saved profile. */
export async function showSaved(
  surroundings: Surroundings,
  options: ResultOptions & { readonly html?: string },
  name: string,
): Promise<void> {
  const run = await readRun(options.runs ?? RUNS_FOLDER, name);
  const { adapter, driver } = run.environment;
  const ceilings = await readCeilings(ceilingsFile(cacheFolder(), { name: adapter, driver }));
  const summary = summarize(run, ceilings, null);
  const output = makeOutput(surroundings, options.json === true);
  await writeResult(surroundings, output, options, {
    value: summary,
    table: summaryTable(summary),
    csv: summaryCsv(summary),
  });
  await writeProfilePage(output, options.html, { ...summary, summary, run });
}

/** Compares two saved profiles; returns the exit code. */
export async function compareSaved(
  surroundings: Surroundings,
  options: ResultOptions & { readonly threshold?: number; readonly gate?: boolean },
  before: string,
  after: string,
): Promise<number> {
  const { runs = RUNS_FOLDER } = options;
  const [a, b] = [await readRun(runs, before), await readRun(runs, after)];
  const { threshold = thresholdApart(b.environment) } = options;
  const rows: RowComparison[] = compareRuns(a, b, threshold);
  const table = comparisonTable(rows);
  const output = makeOutput(surroundings, options.json === true);
  await writeResult(surroundings, output, options, { value: rows, table, csv: table });
  const slow = rows.some(({ verdict }) => verdict === "SLOW");
  return options.gate === true && slow ? EXIT.gate : EXIT.fine;
}

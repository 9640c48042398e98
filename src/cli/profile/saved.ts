// The commands of `ringdepth profile` that need no GPU: they list, show and compare saved profiles.
import { isTable, writeResult } from "../terminal/result.ts";
import { readCache } from "../../measure/cache_file.ts";
import { ceilingsFile, readCeilings } from "../../measure/ceilings.ts";
import { cachedFile } from "../../measure/environment.ts";
import { compareRuns, missingRows, readRun, savedNames } from "../../measure/saved_run.ts";
import { summarize } from "../../measure/summary.ts";
import { InputError } from "../../tensor/error.ts";
import { sayAdapter } from "../terminal/adapter.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { makeOutput } from "../terminal/output.ts";
import { judge, thresholdApart, type GateOptions } from "../terminal/gate.ts";
import { writeProfilePage } from "../terminal/profile_page.ts";
import {
  comparisonTable,
  environmentLine,
  summaryCsv,
  summaryTable,
} from "../terminal/profile_table.ts";
import { RUNS_FOLDER } from "../terminal/result_options.ts";
import type { Surroundings } from "../terminal/surroundings.ts";
import type { ResultOptions } from "../terminal/options.ts";
import type { Table } from "../terminal/table.ts";

/** Lists the saved profiles. */
export async function listSaved(surroundings: Surroundings, options: ResultOptions): Promise<void> {
  const { runs = RUNS_FOLDER } = options;
  const output = makeOutput(surroundings, !isTable(options));
  const list = [];
  for (const name of await savedNames(runs)) {
    const run = await readRun(runs, name).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      output.warn(`left out: ${error.message}`);
      return null;
    });
    if (run === null) continue;
    const { date, environment, rows } = run;
    const commit = environment.git?.commit.slice(0, 8) ?? "";
    list.push({ name, date, adapter: environment.adapter, commit, rows: rows.length });
  }
  const table: Table = {
    head: ["name", "date", "adapter", "commit", "rows"],
    rows: list.map((one) => [one.name, one.date, one.adapter, one.commit, String(one.rows)]),
  };
  await writeResult(surroundings, output, options, { value: list, table, csv: table });
}

/** Shows a saved profile. */
export async function showSaved(
  surroundings: Surroundings,
  options: ResultOptions & { readonly html?: string },
  name: string,
): Promise<void> {
  const run = await readRun(options.runs ?? RUNS_FOLDER, name);
  const { adapter, driver, software } = run.environment;
  const output = makeOutput(surroundings, !isTable(options));
  const file = cachedFile(ceilingsFile, { name: adapter, driver });
  const ceilings = await readCache(file, readCeilings, output.warn);
  const summary = summarize(run, ceilings, null);
  sayAdapter(output, { name: adapter, driver, software });
  output.say(environmentLine(summary));
  await writeResult(surroundings, output, options, {
    value: summary,
    table: summaryTable(summary),
    csv: summaryCsv(summary),
  });
  await writeProfilePage(output, options.html, { ...summary, summary, run });
}

/** Options of a comparison. */
export interface CompareOptions extends ResultOptions, GateOptions {
  readonly threshold?: number;
}

/** Compares two saved profiles; returns the exit code. */
export async function compareSaved(
  surroundings: Surroundings,
  options: CompareOptions,
  before: string,
  after: string,
): Promise<number> {
  const { runs = RUNS_FOLDER } = options;
  const [a, b] = [await readRun(runs, before), await readRun(runs, after)];
  const { threshold = thresholdApart(b.environment) } = options;
  const rows = [...compareRuns(a, b, threshold), ...missingRows(a, b)];
  const table = comparisonTable(rows);
  const output = makeOutput(surroundings, !isTable(options));
  await writeResult(surroundings, output, options, { value: rows, table, csv: table });
  const { lines, failed } = judge(rows, options);
  for (const line of lines) output.say(line);
  return failed ? EXIT.gate : EXIT.fine;
}

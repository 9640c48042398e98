// `ringdepth profile ceilings`: the highest bandwidth and arithmetic rate that this adapter
// reaches.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { ceilingsLines, ceilingsTable } from "../terminal/profile_table.ts";
import { writeResult } from "../terminal/result.ts";
import { compareCeilings } from "./repeat.ts";
import type { ProfileRun } from "./run.ts";
import { forgetCeilings, newCeilings } from "../../measure/known_ceilings.ts";
import type { ResultOptions } from "../terminal/options.ts";

/** How the ceilings are measured. */
export interface CeilingsOptions extends ResultOptions {
  readonly repeat?: number;
  readonly timeout?: number;
  /** Discard the earlier ceilings. */
  readonly anew?: boolean;
}

/**
 * Measures the ceilings `repeat` times and keeps the highest values ever reached; returns the exit
 * code.
 */
export async function profileCeilings(run: ProfileRun<CeilingsOptions>): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { repeat = 1, anew = false, timeout } = options;
  const quantum_ns = await timerQuantum_ns(gpu);
  if (anew) await forgetCeilings(run);
  const time = { times: repeat, timeout_s: timeout };
  const { measured, kept: ceilings } = await newCeilings(run, quantum_ns, time);
  if (repeat > 1) {
    const { result, lines, failed } = compareCeilings(gpu.facts, measured, ceilings);
    await writeResult(surroundings, output, options, result);
    for (const line of lines) output.say(line);
    return failed ? EXIT.gate : EXIT.fine;
  }
  const table = ceilingsTable(ceilings);
  await writeResult(surroundings, output, options, { value: ceilings, table, csv: table });
  for (const line of ceilingsLines(ceilings)) output.say(line);
  return EXIT.fine;
}

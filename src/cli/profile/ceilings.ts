// `ringdepth profile ceilings`: what this adapter reaches.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { forgetCeilings, newCeilings } from "../terminal/known_ceilings.ts";
import { ceilingsLines, ceilingsTable } from "../terminal/profile_table.ts";
import { writeResult, type ResultOptions } from "../terminal/result.ts";
import { compareCeilings } from "./repeat.ts";
import type { ProfileRun } from "./run.ts";

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

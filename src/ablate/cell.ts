// One cell: trains its student as `ringdepth train` does, evaluates it on held-out moments, and
// writes the record.
import { dirname } from "node:path";
import { makeOutFolder } from "../formats/own_files.ts";
import type { Gpu } from "../gpu/device.ts";
import { InputError } from "../tensor/error.ts";
import { printable } from "../tensor/printable.ts";
import { formatConfig } from "../train/config/text.ts";
import { evaluate } from "../train/evaluate_student.ts";
import { createPredictor } from "../train/predictor.ts";
import { train, type TrainedRun, type TrainingRun } from "../train/trainer.ts";
import { writeCell, type CellRecord, type CellResult } from "./cell_file.ts";
import type { CellInputs } from "./cell_inputs.ts";
import type { CellState } from "./cell_state.ts";
import type { Cell } from "./plan.ts";

/** How a cell is carried out. */
export interface CellRun extends Pick<
  TrainingRun,
  "gpu" | "reopen" | "tuning" | "signal" | "onStart" | "onStep"
> {
  readonly cell: Cell;
  readonly folder: string;
  readonly state: CellState;
  readonly inputs: CellInputs;
  /** Training is over and the evaluation begins, which a signal may end at once. */
  readonly onEvaluation: () => void;
  readonly onMessage: (message: string) => void;
}

/**
 * Trains and evaluates; returns the record, which is written by then, or null if the signal came
 * first; then the checkpoint is written instead. Throws what `train` and `evaluate` throw.
 */
export async function runCell(run: CellRun): Promise<CellRecord | null> {
  const { cell, folder, state, inputs } = run;
  const started = performance.now();
  const { gpu, reopen, tuning, signal, onStart, onStep, onMessage } = run;
  const trained = await train({
    gpu,
    ...(reopen && { reopen }),
    tuning: tuning ?? null,
    ...(signal && { signal }),
    ...(onStart && { onStart }),
    ...(onStep && { onStep }),
    onMessage,
    config: cell.config,
    source: inputs.source,
    teacher: inputs.teacher,
    heldOut: inputs.heldOut,
    out: folder,
    resume: state.beginning === "resume",
    replace: state.beginning === "replace",
  });
  try {
    // The signal may have come with the last step: the next start evaluates then.
    if (trained.interrupted || signal?.aborted === true) return null;
    run.onEvaluation();
    const found = await recovering(trained, async () => await evaluated(trained, run));
    const time_s = (performance.now() - started) / 1000;
    const result = { ...found, date: new Date().toISOString(), time_s };
    const record = { config: formatConfig(cell.config), result, failure: null };
    await writeCell(folder, record);
    return record;
  } finally {
    await trained.close();
  }
}

/** The result of `work`, repeated on a fresh device if the device is lost. */
async function recovering<T>(trained: TrainedRun, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await trained.recover(error);
    }
  }
}

async function evaluated(
  trained: TrainedRun,
  { cell, inputs, onMessage }: CellRun,
): Promise<Omit<CellResult, "date" | "time_s">> {
  const { gpu, student, store, tuning } = trained;
  const { heldOut } = inputs;
  const predictor = await createPredictor(gpu, student, heldOut, store, tuning);
  try {
    const found = await evaluate(predictor, heldOut, cell.config.bad_samples, onMessage);
    const { all, median_scaled } = found.result;
    return {
      metrics: all,
      median_scaled_abs_rel: (median_scaled?.all ?? all).abs_rel,
      disagreement: found.consistency.all?.relative ?? null,
      moments: found.moments,
      trained_on: found.trained_on,
      skipped_samples: found.skipped_samples + trained.skipped_samples,
      adapter: adapterText(gpu),
    };
  } finally {
    predictor.destroy();
  }
}

function adapterText({ facts: { name, driver } }: Gpu): string {
  return driver === "" || driver === name ? name : `${name} (${driver})`;
}

/** Writes and returns the record of a cell that could not be finished. */
export async function recordFailure(
  { config }: Cell,
  folder: string,
  error: unknown,
): Promise<CellRecord> {
  const { message, name } = error instanceof Error ? error : new Error(String(error));
  const wrong_input = error instanceof InputError;
  const [line] = printable(wrong_input ? message : `${name}: ${message}`).split("\n");
  const failure = { reason: line, wrong_input, date: new Date().toISOString() };
  const record = { config: formatConfig(config), result: null, failure };
  await makeOutFolder(dirname(folder), false);
  await makeOutFolder(folder, false);
  await writeCell(folder, record);
  return record;
}

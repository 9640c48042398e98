// The work of an ablation: cell after cell on one device. A finished cell is read, one that was
// stopped continues from its checkpoint, and one that fails leaves the others alone.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { takeLock, LockedError, type Lock } from "../formats/lock_file.ts";
import { claimFiles, makeOutFolder, ownLeftovers } from "../formats/own_files.ts";
import { WrongDepthError } from "../evaluate/checked_depth.ts";
import type { Gpu } from "../gpu/device.ts";
import { NoAdapterError } from "../gpu/errors.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "../train/config.ts";
import { formatConfig } from "../train/config/text.ts";
import { NonFiniteError } from "../train/non_finite.ts";
import { runPaths, type StepRecord } from "../train/run_folder.ts";
import { moduleConfig } from "../train/teacher/fit.ts";
import { FitInterruptedError, fitModule } from "../train/teacher/fit_module.ts";
import type { TrainingRun } from "../train/trainer.ts";
import { recordFailure, runCell } from "./cell.ts";
import type { CellRecord } from "./cell_file.ts";
import { requireTeacher, sharedInputs, type FitTeacher } from "./cell_inputs.ts";
import { cellState, type CellState } from "./cell_state.ts";
import type { AblationPlan, Cell } from "./plan.ts";
import type { TableProgress } from "../data/nuscenes/tables.ts";

/** The files of an ablation beside its cells. */
export const ABLATION_FILES = { report: "report.html", table: "ablation.json" } as const;

/** A cell and its place among all. */
export interface CellPlace {
  readonly cell: Cell;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

/** The events of a running ablation. */
export interface AblationEvents {
  /** The fit of a cell's teacher begins, or continues after `fromStep` of its steps. */
  readonly onFit: (place: CellPlace, steps: number, fromStep: number) => void;
  readonly onFitStep: (place: CellPlace, record: StepRecord) => void;
  /** The training of a cell begins, or continues after `fromStep` steps. */
  readonly onTraining: (place: CellPlace, fromStep: number) => void;
  readonly onStep: (place: CellPlace, record: StepRecord) => void;
  readonly onEvaluation: (place: CellPlace) => void;
  /** The cell has a record; `isNew` unless an earlier start had finished it. */
  readonly onRecord: (place: CellPlace, record: CellRecord, isNew: boolean) => void;
  readonly onMessage: (message: string) => void;
  /** Told the progress of reading large tables of data. */
  readonly onTable?: TableProgress;
}

/** The inputs of an ablation. */
export interface AblationRun extends AblationEvents {
  readonly gpu: Gpu;
  /** Opens a fresh device in place of the one in use, which it closes. */
  readonly reopen: () => Promise<Gpu>;
  readonly plan: AblationPlan;
  readonly out: string;
  readonly tuning: TrainingRun["tuning"];
  /** Asked to stop: the step in progress ends, a checkpoint is written, no further cell begins. */
  readonly signal: AbortSignal;
}

/**
 * Makes and locks the folder of an ablation. Throws LockedError while another one is at work there,
 * InputError where it holds a training run or files of others.
 */
export async function claimAblation(out: string): Promise<Lock> {
  if (existsSync(runPaths(out).config)) {
    throw new InputError(`${out}: holds a training run; choose another --out for the ablation`);
  }
  await makeOutFolder(out, true);
  const lock = await takeLock(runPaths(out).lock, `folder ${out}`);
  try {
    await claimFiles(
      out,
      Object.values(ABLATION_FILES).map((name) => ({ name })),
    );
    for (const name of await ownLeftovers(out)) await rm(join(out, name), { force: true });
    await makeOutFolder(join(out, CELLS), false);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

const CELLS = "cells";
const TEACHERS = "teachers";

/** A name for the module of a cell's teacher, which differs with its configuration. */
function moduleName(config: TrainConfig): string {
  const text = formatConfig(moduleConfig(config));
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return `seed-${config.seed}-${digest}`;
}

/**
 * Runs the unfinished cells in a folder that the caller has claimed. `onRecord` receives the record of
 * every cell. Returns whether the signal came before all cells had one. Throws InputError, before any
 * cell runs, for a row without its teacher and a folder that holds another configuration;
 * NoAdapterError where a lost device does not come back.
 */
export async function runAblation(run: AblationRun): Promise<boolean> {
  const { plan, out, signal, onMessage } = run;
  const places = plan.cells.map((cell, i) => ({ cell, number: i + 1, count: plan.cells.length }));
  const folderOf = ({ name }: Cell): string => join(out, CELLS, name);
  for (const { row, config } of plan.cells) requireTeacher(config, row);
  const states = new Map<Cell, CellState>();
  for (const { cell } of places) {
    states.set(cell, await cellState(folderOf(cell), cell.config, onMessage));
  }
  const open: CellPlace[] = [];
  for (const place of places) {
    const { record } = states.get(place.cell)!;
    if (record === null || record.result === null) {
      open.push(place);
      continue;
    }
    run.onRecord(place, record, false);
  }
  const device = currentDevice(run);
  let current = open[0];
  const fit: FitTeacher = async (config, source, base) =>
    await fitModule({
      gpu: device.gpu(),
      reopen: device.reopen,
      signal,
      config,
      source,
      base,
      out: join(out, TEACHERS, moduleName(config)),
      onStart: ({ fromStep }) => run.onFit(current, moduleConfig(config).steps, fromStep),
      onStep: (step) => run.onFitStep(current, step),
      onMessage: (message) => onMessage(`teacher of ${current.cell.name}: ${message}`),
    });
  const inputs = sharedInputs(device.gpu, fit, run.onTable);
  /** Runs a cell; returns whether the signal came first. */
  const isStopped = async (place: CellPlace): Promise<boolean> => {
    current = place;
    const { cell } = place;
    const folder = folderOf(cell);
    try {
      const record = await runCell({
        gpu: device.gpu(),
        reopen: device.reopen,
        tuning: run.tuning ?? null,
        signal,
        cell,
        folder,
        state: states.get(cell)!,
        inputs: await inputs.of(cell.config),
        onStart: ({ fromStep }) => run.onTraining(place, fromStep),
        onStep: (step) => run.onStep(place, step),
        onEvaluation: () => run.onEvaluation(place),
        onMessage: (message) => onMessage(`${cell.name}: ${message}`),
      });
      if (record !== null) run.onRecord(place, record, true);
      return record === null;
    } catch (error) {
      if (error instanceof FitInterruptedError) return true;
      if (error instanceof LockedError || error instanceof NoAdapterError) throw error;
      const record = await recordFailure(cell, folder, error);
      run.onRecord(place, record, true);
      // Any other error may come from the device, so the next cell gets a fresh one.
      if (!DEVICE_IS_FINE.some((kind) => error instanceof kind)) await device.reopen();
      return false;
    }
  };
  try {
    for (const place of open) {
      if (signal.aborted || (await isStopped(place))) return true;
    }
    return false;
  } finally {
    inputs.close();
  }
}

const DEVICE_IS_FINE = [InputError, NonFiniteError, WrongDepthError];

/** The device in use, which may be another one after a loss. */
function currentDevice({ gpu, reopen }: Pick<AblationRun, "gpu" | "reopen">): {
  readonly gpu: () => Gpu;
  readonly reopen: () => Promise<Gpu>;
} {
  let current = gpu;
  return {
    gpu: () => current,
    reopen: async () => {
      current = await reopen();
      return current;
    },
  };
}

// The training step of a run on one device, and a fresh device to replace a lost one.
import type { Gpu } from "../gpu/device.ts";
import { DeviceLostError, NoAdapterError } from "../gpu/errors.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import type { Exchange } from "../graph/exchange.ts";
import { compile, type Plan } from "../graph/plan.ts";
import { createStore, type GpuStore } from "../graph/store.ts";
import type { Tuning } from "../engine/tuning.ts";
import { InputError } from "../tensor/error.ts";
import type { BalanceFactors } from "./balance.ts";
import type { Network } from "./network.ts";

/** Store and plan of a training step on one device. */
export interface Session {
  readonly gpu: Gpu;
  readonly store: GpuStore;
  readonly plan: Plan;
  /** Frees store and plan; the device belongs to its opener. */
  readonly close: () => void;
}

/** A state to return to: the numbers after some number of steps, on the host. */
export interface TrainingState {
  readonly step: number;
  readonly values: CpuStore;
  /** Factors on the weights of the loss, once they are measured. */
  readonly factors?: BalanceFactors;
}

/**
 * Puts a state on a device and compiles the step there; with `exchange`, as one of several processes
 * that train together.
 */
export async function openSession(
  gpu: Gpu,
  { g, request, precision, recompute = false }: Network,
  values: CpuStore,
  tuning: Tuning,
  exchange?: Exchange,
): Promise<Session> {
  const store = createStore(gpu, g, values);
  try {
    const plan = await compile(gpu, g, request, store, {
      tuning,
      precision,
      recompute,
      ...(exchange && { exchange }),
    });
    let isOpen = true;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      plan.destroy();
      store.destroy();
    };
    return { gpu, store, plan, close };
  } catch (error) {
    store.destroy();
    throw error;
  }
}

/** The inputs of recovery. */
export interface RecoveryOptions {
  /** Opens a fresh device and closes the lost one; without it every loss ends the run. */
  readonly reopen: (() => Promise<Gpu>) | undefined;
  readonly open: (gpu: Gpu, state: TrainingState) => Promise<Session>;
  readonly onMessage: (message: string) => void;
}

/**
 * The session after `error`: if the device was lost, on a fresh device from the last state in
 * memory. Throws `error` if it was not lost, and DeviceLostError once three tries in a row did not
 * get the run beyond that state.
 */
export type Recover = (lost: Session, error: unknown, state: TrainingState) => Promise<Session>;

const TRIES = 3;
// The driver may report an error first and the loss of the device a little later.
const LOSS_DELAY_MS = 200;

/** The recovery of a run. */
export function deviceRecovery({ reopen, open, onMessage }: RecoveryOptions): Recover {
  let tries = 0;
  let lastStep = -1;
  return async (session, error, state) => {
    const loss = await lossOf(session.gpu, error);
    if (loss === null || reopen === undefined) throw error;
    session.close();
    if (state.step > lastStep) tries = 0;
    lastStep = state.step;
    let reason = `the device was lost (${loss.reason})`;
    for (;;) {
      if (tries === TRIES) {
        throw new DeviceLostError(
          `the device was lost ${TRIES + 1} times after step ${state.step}; the last time: ${reason}`,
          loss.reason,
        );
      }
      tries++;
      onMessage(
        `${reason}; continuing after step ${state.step} on a fresh device, try ${tries} of ${TRIES}`,
      );
      try {
        const gpu = await reopen();
        requireSameAdapter(session.gpu, gpu);
        return await open(gpu, state);
      } catch (failure) {
        if (!(failure instanceof DeviceLostError || failure instanceof NoAdapterError)) {
          throw failure;
        }
        reason = failure.message;
      }
    }
  };
}

/** Another adapter would give different bits. */
function requireSameAdapter({ facts: before }: Gpu, { facts: now }: Gpu): void {
  if (before.name === now.name && before.driver === now.driver) return;
  throw new NoAdapterError(`${before.name} did not come back; only ${now.name} is available`);
}

/** The device loss behind an error, or null if the device is not lost. */
async function lossOf(gpu: Gpu, error: unknown): Promise<DeviceLostError | null> {
  if (error instanceof DeviceLostError) return error;
  if (error instanceof InputError) return null;
  return await Promise.race([gpu.lost, delay(LOSS_DELAY_MS)]);
}

async function delay(time_ms: number): Promise<null> {
  await new Promise((resolve) => setTimeout(resolve, time_ms));
  return null;
}

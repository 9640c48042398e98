// Waiting for the device's work without taking the processor from it.
import type { Gpu } from "./device.ts";

const SHARE = 0.05;
const LONGEST_MS = 1;
const never = new Int32Array(new SharedArrayBuffer(4));

let waiting = 0;
let asleep = false;
let since_ms = 0;

/**
 * The result of `work` on the device. Dawn for Node polls on every event-loop turn, which keeps a
 * core busy. A software adapter computes on those cores (a training step took a quarter longer,
 * bench/README.md), so on one the thread sleeps between turns: a twentieth of the time waited so
 * far, at most one millisecond. Timers and input are delayed by that much. Throws the device's
 * error if it reports one, and DeviceLostError if it is lost meanwhile.
 */
export async function settled<T>(
  { facts, unlessLost }: Pick<Gpu, "facts" | "unlessLost">,
  work: Promise<T>,
): Promise<T> {
  if (!facts.software) return await unlessLost(work);
  waiting++;
  since_ms = performance.now();
  if (!asleep) {
    asleep = true;
    setImmediate(sleep);
  }
  try {
    return await unlessLost(work);
  } finally {
    waiting--;
  }
}

function sleep(): void {
  asleep = waiting > 0;
  if (!asleep) return;
  const time_ms = Math.min(LONGEST_MS, SHARE * (performance.now() - since_ms));
  Atomics.wait(never, 0, 0, time_ms);
  setImmediate(sleep);
}

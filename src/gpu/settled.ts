// Waiting for what a device was given to do, without taking the processor from it.
import type { Gpu } from "./device.ts";

const SHARE = 0.05;
const LONGEST_MS = 1;
const never = new Int32Array(new SharedArrayBuffer(4));

let waiting = 0;
let asleep = false;
let since_ms = 0;

/**
 * What `work` of the device resolves to. Dawn for Node asks for news in every turn of the event
 * loop, which keeps a core busy: a software adapter computes on those cores (a step of training took
 * a quarter longer, bench/README.md), so there the thread sleeps between turns, a twentieth of the
 * time waited so far and a millisecond at most. Timers and input are that much later. Throws the
 * error of the device where it reports one, DeviceLostError where it is lost meanwhile.
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

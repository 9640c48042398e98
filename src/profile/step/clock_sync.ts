// Aligns the GPU's clock with the host's: empty passes between two readings of the host's clock
// locate one on the other.
import type { Gpu } from "../../gpu/device.ts";
import { encodePass } from "../../gpu/encode.ts";
import { NoAdapterError } from "../../gpu/errors.ts";
import { passStamps, type PassTime } from "../../gpu/timestamps.ts";

/** A pass and the host times between which it certainly ran, in milliseconds. */
export interface Bracket extends PassTime {
  readonly before_ms: number;
  readonly after_ms: number;
}

/** One moment on both clocks. */
export interface ClockSync {
  readonly gpu_ns: bigint;
  readonly host_ms: number;
  /** The moment on the host's clock may be earlier or later by this much. */
  readonly uncertainty_ms: number;
}

/** GPU timestamps on the host's clock (`performance.now`). */
export interface HostClock {
  readonly at_ms: (stamp_ns: bigint) => number;
  readonly uncertainty_ms: number;
}

const BRACKETS = 24;
// Quartz clocks differ by parts in a hundred thousand; ticks mistaken for nanoseconds differ by a
// factor of several.
const STRANGE_RATE = 0.01;

/** Reads both clocks at once, several times within a few milliseconds. */
export async function lookAtClocks(gpu: Gpu): Promise<ClockSync> {
  const stamps = passStamps(gpu, 1);
  try {
    const brackets: Bracket[] = [];
    for (let i = 0; i < BRACKETS; i++) {
      const encoder = gpu.device.createCommandEncoder({ label: "clocks" });
      encodePass(encoder, "clocks", [], stamps.writes(0));
      stamps.resolve(encoder);
      const commands = encoder.finish();
      const before_ms = performance.now();
      gpu.device.queue.submit([commands]);
      const [pass] = await stamps.read();
      brackets.push({ ...pass, before_ms, after_ms: performance.now() });
    }
    return alignClocks(brackets);
  } finally {
    stamps.destroy();
  }
}

/** The moment that fits all brackets: each bounds the difference of the clocks from both sides. */
export function alignClocks(brackets: readonly Bracket[]): ClockSync {
  const gpu_ns = brackets[0].begin_ns;
  const since_ms = (stamp_ns: bigint): number => Number(stamp_ns - gpu_ns) / 1e6;
  const earliest = Math.max(...brackets.map((b) => b.before_ms - since_ms(b.begin_ns)));
  const latest = Math.min(...brackets.map((b) => b.after_ms - since_ms(b.end_ns)));
  const uncertainty_ms = Math.abs(latest - earliest) / 2;
  return { gpu_ns, host_ms: (earliest + latest) / 2, uncertainty_ms };
}

/**
 * The host's clock between two moments on both. Throws NoAdapterError if the GPU's clock runs at
 * another rate, because its times then have some other unit.
 */
export function hostClock(first: ClockSync, last: ClockSync): HostClock {
  const gpu_ms = Number(last.gpu_ns - first.gpu_ns) / 1e6;
  const host_ms = last.host_ms - first.host_ms;
  const unsure_ms = first.uncertainty_ms + last.uncertainty_ms;
  if (Math.abs(host_ms - gpu_ms) > STRANGE_RATE * host_ms + unsure_ms) {
    throw new NoAdapterError(
      `the GPU's clock counted ${gpu_ms.toFixed(1)} ms in ${host_ms.toFixed(1)} ms: its times cannot be trusted`,
    );
  }
  const rate = gpu_ms > 0 ? host_ms / gpu_ms : 1;
  return {
    at_ms: (stamp_ns) => first.host_ms + (rate * Number(stamp_ns - first.gpu_ns)) / 1e6,
    uncertainty_ms: Math.max(first.uncertainty_ms, last.uncertainty_ms),
  };
}

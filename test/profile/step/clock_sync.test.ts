// The GPU's clock on the host's, from brackets with known answers.
import { expect, test } from "vitest";
import {
  alignClocks,
  hostClock,
  lookAtClocks,
  type Bracket,
} from "../../../src/profile/step/clock_sync.ts";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { gpu } from "../../support/gpu.ts";

// Larger than a double holds to the nanosecond.
const ORIGIN_NS = 2n ** 60n + 1n;

/** A pass of 1 ms on a GPU clock that stands at ORIGIN_NS when the host's is at 0. */
function bracket(before_ms: number, begin_ms: number, after_ms: number): Bracket {
  const begin_ns = ORIGIN_NS + BigInt(begin_ms * 1e6);
  return { before_ms, begin_ns, end_ns: begin_ns + 1_000_000n, after_ms };
}

test("each bracket bounds from both sides, and the tightest bounds of all count", () => {
  // The first pass began at once after 5 ms, the second ended 2 ms before 20 ms.
  const sync = alignClocks([bracket(5, 5, 16), bracket(10, 17, 20)]);
  expect(sync).toMatchObject({ host_ms: 6, uncertainty_ms: 1 });
  expect(hostClock(sync, sync).at_ms(ORIGIN_NS + 9_000_000n)).toBeCloseTo(10, 9);
});

test("between two looks the clocks go apart evenly", () => {
  const first = { gpu_ns: ORIGIN_NS, host_ms: 100, uncertainty_ms: 0.1 };
  const last = { gpu_ns: ORIGIN_NS + 1_000_000_000n, host_ms: 1102, uncertainty_ms: 0.2 };
  const clock = hostClock(first, last);
  expect(clock.at_ms(ORIGIN_NS + 500_000_000n)).toBeCloseTo(601, 9);
  expect(clock.uncertainty_ms).toBe(0.2);
});

test("a GPU that counts ticks for nanoseconds is not believed", () => {
  const first = { gpu_ns: ORIGIN_NS, host_ms: 100, uncertainty_ms: 0.1 };
  const last = { gpu_ns: ORIGIN_NS + 19_200_000n, host_ms: 1100, uncertainty_ms: 0.1 };
  expect(() => hostClock(first, last)).toThrow("counted 19.2 ms in 1000.0 ms");
});

test.skipIf(!hasTimestamps(gpu))("this adapter's clock keeps the host's time", async () => {
  const before_ms = performance.now();
  const first = await lookAtClocks(gpu);
  const last = await lookAtClocks(gpu);
  expect(last.gpu_ns).toBeGreaterThan(first.gpu_ns);
  const at_ms = hostClock(first, last).at_ms(last.gpu_ns);
  expect(at_ms).toBeGreaterThan(before_ms);
  expect(at_ms).toBeLessThan(performance.now());
});

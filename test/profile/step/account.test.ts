// The account of a step from marks with known answers.
import { expect, test } from "vitest";
import type { PassTime } from "../../../src/gpu/timestamps.ts";
import type { PlannedDispatch } from "../../../src/graph/prepare.ts";
import type { Ceilings } from "../../../src/measure/ceilings.ts";
import { closure, stepAccount, type StepAccount } from "../../../src/profile/step/account.ts";
import type { HostPart, ProfiledStep, Span, StepMarks } from "../../../src/profile/step/marks.ts";
import type { StepRun } from "../../../src/profile/step/step_run.ts";

// The GPU's clock stands at so much when the host's is at 0.
const GPU_NS = 7_000_000_000n;
const CLOCK: StepRun["clock"] = {
  at_ms: (stamp_ns) => Number(stamp_ns - GPU_NS) / 1e6,
  uncertainty_ms: 0.01,
};

function pass(begin_ms: number, end_ms: number): PassTime {
  const ns = (time_ms: number): bigint => GPU_NS + BigInt(Math.round(1e6 * time_ms));
  return { begin_ns: ns(begin_ms), end_ns: ns(end_ms) };
}

/**
 * A step of 100 ms that begins at `at_ms`: 10 prepare, 5 upload, 8 encode, 2 submit, read until 92,
 * 4 collect; `passes` begin and end within it.
 */
function marks(at_ms: number, passes: readonly (readonly [number, number])[]): StepMarks {
  const span = (begin: number, end: number): Span => ({
    begin_ms: at_ms + begin,
    end_ms: at_ms + end,
  });
  const parts: Record<HostPart, Span> = {
    prepare: span(0, 10),
    upload: span(11, 16),
    encode: span(16, 24),
    submit: span(24, 26),
    read: span(26, 92),
    collect: span(94, 98),
  };
  return {
    ...span(0, 100),
    parts,
    passes: passes.map(([begin, end]) => pass(at_ms + begin, at_ms + end)),
    encoded_ms: [],
    live_bytes: 0,
  };
}

const dispatch = (kernel: string, flops: number, bytes: number): PlannedDispatch =>
  ({ kernel, cost: { flops, bytes } }) as PlannedDispatch;
const DISPATCHES = [dispatch("a", 1e6, 2e6), dispatch("b", 4e6, 1e6), dispatch("a", 3e6, 2e6)];
const STEP = {
  target: "step:train",
  what: "nano",
  plan: { dispatches: DISPATCHES },
} as unknown as ProfiledStep;
const RUN: StepRun = {
  plain: [marks(0, []), marks(300, [])],
  stamped: [marks(100, [[30, 80]]), marks(400, [[30, 80]])],
  split: [0, 1].map((i) =>
    marks(200 + 300 * i, [
      [30, 40],
      [40, 60],
      [60, 85],
    ]),
  ),
  loop: [marks(1000, [[0, 60]]), marks(1064, [[0, 60]]), marks(1128, [[0, 60]])],
  shown: [],
  clock: CLOCK,
  first_read_ms: 33,
};
const CEILINGS = {
  bandwidth: [{ working_set_bytes: 2 ** 20, copy_gbytes: 1, read_gbytes: 1, triad_gbytes: 1 }],
  gflops: 1,
  empty_dispatch_us: 1,
} as unknown as Ceilings;

function account(more: Partial<StepRun> = {}, ceilings: Ceilings | null = null): StepAccount {
  return stepAccount(STEP, { ...RUN, ...more }, 1, ceilings);
}

test("parts come from their own marks, and what lies between them is unaccounted", () => {
  const { wall, parts, unaccounted, what } = account();
  expect(what).toBe("nano, 3 dispatches");
  expect(wall.median).toBe(100);
  expect(Object.fromEntries(parts.map(({ name, time_ms }) => [name, time_ms]))).toEqual({
    host: 14,
    upload: 5,
    encode: 8,
    launch: 6,
    gpu: 50,
    "read back": 12,
    unaccounted: 5,
  });
  expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(unaccounted).toBeCloseTo(0.05, 12);
  expect(account().unaccounted_interval.low).toBeCloseTo(0.05, 12);
});

test("parts add up to the step, and a step that was disturbed is left out", () => {
  const times = [0, 1, 2, 3].map((more) => {
    const step = marks(0, [[30, 80 - more]]);
    return more < 3 ? step : { ...step, end_ms: 5000 };
  });
  const { parts } = account({ stamped: times, plain: times });
  expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(parts.find(({ name }) => name === "unaccounted")?.time_ms).toBeCloseTo(5, 9);
});

test("an account closes where the whole interval of what is open is within 5 %, either way", () => {
  const verdict = (low: number, high: number): string =>
    closure({ unaccounted_interval: { low, high } });
  expect([verdict(-0.05, 0.049), verdict(0.01, 0.05)]).toEqual(["closed", "closed"]);
  expect([verdict(0.051, 0.2), verdict(-0.1, -0.06)]).toEqual(["open", "open"]);
  expect([verdict(0.04, 0.06), verdict(-0.06, 0), verdict(-0.1, 0.1)]).toEqual(
    Array(3).fill("AMBIGUOUS"),
  );
});

test("steps that leave different shares open make the account ambiguous, whatever their mean", () => {
  // What the GPU is not seen to do is open: 0 to 8 ms of 100.
  const stamped = [0, 0, 1, 1, 8, 8, 8, 8].map((less, i) => marks(100 * i, [[30, 85 - less]]));
  const one = account({ stamped, plain: stamped, split: RUN.split.slice(0, 1) });
  const { low, high } = one.unaccounted_interval;
  expect(low).toBeLessThanOrEqual(one.unaccounted);
  expect(high).toBeGreaterThanOrEqual(one.unaccounted);
});

test("a GPU clock of another rate does not close the account", () => {
  // Passes that the stamps call half as long: the clock that aligns them knows better.
  const at_ms = (stamp_ns: bigint): number => (2 * Number(stamp_ns - GPU_NS)) / 1e6;
  const stamped = [0, 1].map(() => ({ ...marks(0, []), passes: [pass(15, 40)] }));
  const { parts, unaccounted } = account({ stamped, clock: { at_ms, uncertainty_ms: 0 } });
  expect(parts.find(({ name }) => name === "gpu")?.time_ms).toBe(25);
  expect(unaccounted).toBeCloseTo(0.3, 12);
});

test("times of the GPU outside of the step they belong to are not believed", () => {
  const early = [marks(0, [[20, 80]]), marks(300, [[20, 80]])];
  expect(() => account({ stamped: early })).toThrow("launch takes -4.000 ms");
  const late = [marks(0, [[30, 93]]), marks(300, [[30, 93]])];
  expect(() => account({ stamped: late })).toThrow("read back takes -1.000 ms");
});

test("kernels sum the medians of their dispatches, the longest first", () => {
  const { kernels, instrumentation } = account({}, CEILINGS);
  expect(kernels).toMatchObject([
    { kernel: "a", dispatches: 2, time_ms: 35, flops: 4e6, bytes: 4e6 },
    { kernel: "b", dispatches: 1, time_ms: 20, flops: 4e6, bytes: 1e6 },
  ]);
  expect(kernels.map(({ share }) => share)).toEqual([35 / 55, 20 / 55]);
  expect(instrumentation).toBeCloseTo(0.1, 12);
  // Of the mean dispatch: 2e6 bytes in 17.5 ms under 1 GB/s.
  expect(kernels[0].roofline).toMatchObject({ bound: "latency", share: 2 / 17.5 });
});

test("a kernel too short for the clock has no rates", () => {
  const { kernels } = stepAccount(STEP, RUN, 900_000, CEILINGS);
  expect(kernels.map(({ roofline }) => roofline === null)).toEqual([true, false]);
});

test("what the stamps cost is by the step without them that was taken in turn", () => {
  const slower = RUN.stamped.map((m) => ({ ...m, end_ms: m.end_ms + 10 }));
  expect(account({ stamped: slower }).stamps).toBeCloseTo(0.1, 12);
});

test("the loop waits for the GPU where that is nearly always busy", () => {
  const busy = account();
  expect(busy.overlapped.median).toBe(64);
  expect(busy.gpu_busy).toBeCloseTo(60 / 64, 12);
  expect(busy.bound).toBe("GPU");
  const idle = account({ loop: [marks(0, [[0, 60]]), marks(80, [[0, 60]])] });
  expect(idle.gpu_busy).toBeCloseTo(60 / 80, 12);
  expect(idle.bound).toBe("CPU");
});

// A sequence of dispatches under ceilings of round numbers.
import { expect, test } from "vitest";
import type { Ceilings } from "../../../src/measure/ceilings.ts";
import { planRoofline } from "../../../src/profile/bench/plan_roofline.ts";

const rates = { copy_gbytes: 10, read_gbytes: 10, triad_gbytes: 10 };
const CEILINGS = {
  bandwidth: [{ working_set_bytes: 1, ...rates }],
  gflops: 100,
  empty_dispatch_us: 1,
} as unknown as Ceilings;

test("least times are added dispatch by dispatch, and the larger part is the bound", () => {
  // 1 ms of memory, then 2 ms of arithmetic
  const costs = [
    { flops: 1e6, bytes: 1e7 },
    { flops: 2e8, bytes: 1e6 },
  ];
  const { bound, share, gflops, gbytes } = planRoofline(costs, 6, CEILINGS);
  expect(bound).toBe("compute");
  expect(share).toBeCloseTo(0.5, 12);
  expect(gflops).toBeCloseTo(201 / 6, 12);
  expect(gbytes).toBeCloseTo(11 / 6, 12);
  expect(planRoofline(costs.slice(0, 1), 2, CEILINGS)).toMatchObject({ bound: "memory" });
});

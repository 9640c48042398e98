// What safeguards and time stamps cost: that it is measured, told and given back. How much it is
// differs by machine; the device of the tests stands for one without the safeguard.
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { stampCost_us } from "../../src/measure/instrumentation.ts";
import { subjectsOf } from "../../src/measure/run_profile.ts";
import { measureCosts } from "../../src/measure/safeguards.ts";
import { doctored } from "../support/doctored.ts";
import { gpu } from "../support/gpu.ts";

const target = { kernel: scaleBy, fault: "", problem: scaleBy.cases[0] };
const [subject] = subjectsOf([target]);
const bench = { gpu, quantum_ns: 1 };

describe.skipIf(!hasTimestamps(gpu))("measured on the adapter", () => {
  test("both safeguards are timed in pairs, and the memory is given back", async () => {
    const before = gpu.memory.live_bytes;
    const bare = { robustness: gpu, validation: gpu };
    const { robustness, validation, error } = await measureCosts(bench, bare, subject);
    expect(error).toBe("");
    expect(robustness!.pairs).toBeGreaterThanOrEqual(5);
    expect(robustness!.cost.low).toBeLessThanOrEqual(robustness!.cost.high);
    expect(robustness!.without_us).toBeGreaterThan(0);
    expect(validation!.with_us).toBeGreaterThan(0);
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test("only what was asked for is measured", async () => {
    const bare = { robustness: null, validation: null };
    expect(await measureCosts(bench, bare, subject)).toEqual({ ...bare, error: "" });
  });

  test("a kernel that is wrong without bounds checks has its error and no cost", async () => {
    const wrong = doctored(scaleBy, "= factor * x[i]", "= -factor * x[i]");
    const bare = { robustness: gpu, validation: null };
    const [doctor] = subjectsOf([{ ...target, kernel: wrong }]);
    const costs = await measureCosts(bench, bare, doctor);
    expect(costs.robustness).toBeNull();
    expect(costs.error).toMatch(/^without bounds checks: scale_by.*elements differ/);
  });

  test("stamps have a cost, and the memory is given back", async () => {
    const before = gpu.memory.live_bytes;
    expect(Number.isFinite(await stampCost_us(gpu))).toBe(true);
    expect(gpu.memory.live_bytes).toBe(before);
  });
});

// What two ways make, compared: depths by pixels, all else by norms, faults with their numbers.
import { expect, test } from "vitest";
import { compareNumbers, worseAgreement } from "../../src/measure/agreement.ts";

const want = { depth_m: [1, 50], d_logits: [1, 1e-9] };

test("a depth is wrong by its worst pixel, a gradient by its norm", () => {
  const near = compareNumbers({ depth_m: [1, 50], d_logits: [1, 0] }, want, "level 0");
  expect(near).toMatchObject({ depth_error: 0, error: "" });
  expect(near.gradient_error).toBeCloseTo(1e-9, 12);
  const far = compareNumbers({ depth_m: [1.01, 50], d_logits: [1, 0.1] }, want, "level 0");
  expect(far.error).toBe(
    "depth_m differs from level 0 by 1.0e-2; 0.00001 is allowed; d_logits differs from level 0 by 1.0e-1; 0.0001 is allowed",
  );
});

test("nothing of a kind compared is null, and a NaN is a fault", () => {
  const lost = compareNumbers({ loss: [Number.NaN] }, { loss: [1] }, "f64");
  expect(lost).toMatchObject({ depth_error: null, gradient_error: Infinity });
  expect(lost.error).toContain("loss differs from f64 by Infinity");
});

test("the worse of two keeps the larger errors and the first fault", () => {
  const a = { depth_error: 1e-6, gradient_error: null, error: "" };
  const b = { depth_error: 1e-7, gradient_error: 1e-3, error: "beyond" };
  expect(worseAgreement(a, b)).toEqual({
    depth_error: 1e-6,
    gradient_error: 1e-3,
    error: "beyond",
  });
});

// The kernels that measure ceilings against their references.
import { expect, test } from "vitest";
import {
  ceilingCopy,
  ceilingFma,
  ceilingFmaF16,
  ceilingRead,
  ceilingTriad,
} from "../../src/kernels/ceiling.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(ceilingCopy, ceilingRead, ceilingTriad, ceilingFma, ceilingFmaF16);

test("what does not fit vectors of four is refused", () => {
  expect(() => ceilingCopy.params({ x: [5] }, { runs: false })).toThrow("[5]");
  expect(() => ceilingTriad.shapes({ a: [4], b: [8] }, { runs: false })).toThrow("differ");
});

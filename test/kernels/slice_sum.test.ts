// Sums of ranges of wider rows against their reference.
import { expect, test } from "vitest";
import { sliceSum, sliceSumRows } from "../../src/kernels/slice_sum.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(sliceSum, sliceSumRows);

test.each([
  [[5, 8], [0, 4], "channels 4 to 12 of 5 rows"],
  [[5, 6], [0, 0], "the pitch of b 6 is not a multiple of 4"],
  [[4, 8], [0, 0], "channels 0 to 8 of 5 rows"],
])("b of shape %j from %j is refused", (b, firsts, message) => {
  const shapes = { a: [5, 8], b, c: [0], d: [0] };
  const wide = b[1] === 6 ? { shape: [5, 4], firsts } : { shape: [5, 8], firsts };
  expect(() => sliceSum.shapes(shapes, wide)).toThrow(message);
});

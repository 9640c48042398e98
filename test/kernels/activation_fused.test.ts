// The gradient of an activation with that of the bias before it, against the kernels that it joins;
// the gradients themselves are checked in test/graph/fuse.test.ts.
import { expect, test } from "vitest";
import { activationFusedGrad } from "../../src/kernels/activation_fused.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(activationFusedGrad);

test("channels that are not a multiple of four are refused with their number", () => {
  const attributes = { activation: { kind: "relu", alpha: 0 }, slab: 64 } as const;
  const shapes = { x: [2, 6], d_y: [2, 6] };
  expect(() => activationFusedGrad.shapes(shapes, attributes)).toThrow("the channels 6");
});

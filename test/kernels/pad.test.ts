// Margins against their references and by hand, and their gradients.
import { expect, test } from "vitest";
import { pad as padOp } from "../../src/graph/ops/pad.ts";
import { pad, padGrad, PAD_MODES, type PadMode } from "../../src/kernels/pad.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(pad, ({ x }, { padding, mode, value }) => padOp(x, padding, mode, value)),
  padGrad,
);

const byHand: Readonly<Record<PadMode, readonly number[]>> = {
  constant: [9, 9, 1, 2, 3, 9],
  reflect: [3, 2, 1, 2, 3, 2],
  symmetric: [2, 1, 1, 2, 3, 3],
  edge: [1, 1, 1, 2, 3, 3],
  wrap: [2, 3, 1, 2, 3, 1],
};
test("margins of 1 2 3 by hand", async () => {
  for (const mode of PAD_MODES) {
    const attributes = { mode, padding: [[2, 1]], value: 9 } as const;
    const { y } = await runKernel(
      gpu,
      pad,
      { x: Float32Array.of(1, 2, 3) },
      { x: [3] },
      attributes,
    );
    expect([...y], mode).toEqual(byHand[mode]);
  }
});

test("margins longer than the tensor can give are refused with their numbers", () => {
  const attributes = { mode: "reflect", padding: [[3, 0]], value: 0 } as const;
  expect(() => pad.shapes({ x: [3] }, attributes)).toThrow("reflect allows 0 to 2");
});

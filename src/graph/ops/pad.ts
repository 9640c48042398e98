// Margins as ops.
import {
  PAD_MODES,
  pad as padKernel,
  padGrad,
  type PadAttributes,
  type PadGradAttributes,
  type PadMode,
} from "../../kernels/pad.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkChoice } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { slice } from "./slice.ts";

/**
 * The ops of this family, by name. Gradients of constant margins are cut off, those of others
 * folded back one axis after the other.
 */
export const padOps: {
  readonly pad: Op<PadAttributes, "x">;
  readonly pad_grad: Op<PadGradAttributes, "d_y">;
} = {
  pad: kernelOp(
    "pad",
    padKernel,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes: { padding, mode }, d_outputs: [d_y] }) => {
      if (mode === "constant") {
        const before = padding.map(([first]) => first);
        return [slice(d_y!, before, x!.shape)];
      }
      return [
        padding.reduce(
          (d, margins, axis) =>
            margins[0] + margins[1] === 0
              ? d
              : apply(padOps.pad_grad, { d_y: d }, { axis, margins, mode })[0],
          d_y!,
        ),
      ];
    },
  ),
  pad_grad: kernelOp("pad_grad", padGrad, ["d_y"], ["d_x"], null),
};

/** x with margins [before, after] along each axis; `value` fills constant ones. */
export function pad(
  x: Value,
  padding: readonly (readonly [number, number])[],
  mode: PadMode = "constant",
  value = 0,
): Value {
  checkChoice("pad", "mode", mode, PAD_MODES);
  return apply(padOps.pad, { x }, { padding, mode, value })[0];
}

/**
 * Images with `margin` reflected pixels on every side, the border not repeated. x [V,H,W,C] ->
 * [V,H+2m,W+2m,C].
 */
export function padReflect(x: Value, margin: number): Value {
  const around = [margin, margin] as const;
  return pad(x, [[0, 0], around, around, [0, 0]], "reflect");
}

// Mean divergence of the student's bin probabilities from the teacher's over the usable pixels.
// d_student = d_loss tau / count (q^S - q^T); the teacher has no gradient.
import {
  binKl as binKlKernel,
  binKlGrad,
  type BinKlAttributes,
} from "../../kernels/depth_bins/bin_kl.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { lowerMaskedMean } from "./masked_mean.ts";

/** The ops of this family, by name. */
export const binKlOps: {
  readonly bin_kl: Op<BinKlAttributes, "student" | "teacher" | "usable">;
  readonly bin_kl_grad: Op<
    BinKlAttributes,
    "student" | "teacher" | "usable" | "statistics" | "count" | "d_loss"
  >;
} = {
  bin_kl: {
    name: "bin_kl",
    inputs: ["student", "teacher", "usable"],
    outputs: ["loss", "count", "statistics"],
    shapes: ({ student, teacher, usable }, attributes) => {
      const of = { student, teacher, usable };
      return [[1], [1], binKlKernel.shapes(of, attributes).statistics];
    },
    lower: (at) => {
      const { student, teacher, usable } = at.inputs;
      const [loss, count, statistics] = at.outputs;
      const kl = at.temporary("kl", usable.shape);
      at.call(binKlKernel, { student, teacher, usable, kl, statistics }, at.attributes);
      lowerMaskedMean(at, { x: kl, mask: usable, mean: loss, count });
    },
    gradient: ({ inputs, outputs: [, count, statistics], attributes, d_outputs: [d_loss] }) => [
      apply(binKlOps.bin_kl_grad, { ...inputs, statistics, count, d_loss: d_loss! }, attributes)[0],
      null,
      null,
    ],
  },
  bin_kl_grad: kernelOp(
    "bin_kl_grad",
    binKlGrad,
    ["student", "teacher", "usable", "statistics", "count", "d_loss"],
    ["d_student"],
    null,
  ),
};

/**
 * loss = tau^2 / count sum over usable pixels of KL(q^T || q^S), q = softmax(logits / tau); 0 if no
 * pixel is usable. student, teacher [V, H, W, K] logits, usable [V, H, W, 1] -> loss [1]. Source:
 * Hinton et al. 2015.
 */
export function binKl(
  student: Value,
  teacher: Value,
  usable: Value,
  attributes: BinKlAttributes,
): Value {
  checkOptions("binKl", attributes, { temperature: "number" });
  return apply(binKlOps.bin_kl, { student, teacher, usable }, attributes)[0];
}

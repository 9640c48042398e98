// A binomial as five numbers per pixel: the form in which a distilled decode takes that of a
// teacher, so that none of its K logits is stored.
import { binomialPack } from "../../kernels/depth_bins/binomial_pack.ts";
import { logChoose } from "../../kernels/depth_bins/binomial_row.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { GraphCore, Op, Value } from "../value.ts";

/** The op of this family, by name. It is for teachers, and has no gradient. */
export const binomialPackOps: {
  readonly binomial_pack: Op<void, "pi" | "t" | "log_choose" | "scale">;
} = {
  binomial_pack: kernelOp(
    "binomial_pack",
    binomialPack,
    ["pi", "t", "log_choose", "scale?"],
    ["rows"],
    null,
  ),
};

/**
 * The binomial over K bins with probability pi and temperature t as a teacher of `binDistill`. pi,
 * t [V, H, W, 1] -> [V, H, W, 5]. Throws InputError unless `bins` is a count of at least 1.
 */
export function packBinomial(pi: Value, t: Value, options: { readonly bins: number }): Value {
  checkOptions("packBinomial", options, { bins: "number" });
  const log_choose = logChooseTable(pi.graph, options.bins);
  return apply(binomialPackOps.binomial_pack, { pi, t, log_choose, scale: null }, undefined)[0];
}

/** The table of ln C(K - 1, k) as a constant in a graph, [K, 2]. */
export function logChooseTable(g: GraphCore, bins: number): Value {
  const data = logChoose(bins);
  return g.add(`log_choose_${bins}`, [bins, 2], { kind: "constant", data });
}

// The engine's side of the golden cases of choices.py: the losses of a training step with each of
// their choices, and distilled bins.
import { PROJECTION, type Baseline } from "../../src/distill/baselines.ts";
import { losses, weightName, type LossConfig, type LossTerm } from "../../src/distill/losses.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binDistill, binDistillBinomial } from "../../src/graph/ops/bin_distill.ts";
import { packBinomial } from "../../src/graph/ops/binomial_pack.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import type { GoldenBench, GoldenBuilder, GoldenGraph } from "./golden_case.ts";

type Form = "fused" | "stored";

/** (pi, t) by the names of two inputs; null where the case has others. */
function binomialOf(
  { optional }: GoldenBench,
  [pi, t]: readonly [string, string],
): { readonly pi: Value; readonly t: Value } | null {
  const [one, other] = [optional(pi), optional(t)];
  return one === null || other === null ? null : { pi: one, t: other };
}

function trainingLoss(bench: GoldenBench, form: Form): GoldenGraph {
  const { input, optional } = bench;
  const { weights = {}, ...choice } = bench.attributes as unknown as LossConfig & {
    readonly baseline: Baseline;
    readonly weights?: Readonly<Record<string, number>>;
  };
  const [centers, embedding, scale_m] = ["centers", "embedding", "scale_m"].map(input);
  const bins = centers.shape.at(-1)!;
  const binomial = binomialOf(bench, ["pi", "t"]);
  const logits =
    binomial === null ? input("logits") : logBinomial(binomial.pi, binomial.t, { bins });
  const depth_m = binDecode(logits, centers, scale_m);
  const index = optional("teacher");
  const teacher = {
    index,
    binomial: binomialOf(bench, ["teacher_pi", "teacher_t"]),
    centers: optional("teacher_centers"),
    embedding: optional("teacher_embedding"),
    // `aligned` asks only whether there are metres
    depth_m: optional("teacher_depth_m") ?? (choice.relation === "aligned" ? index : null),
    mask: optional("teacher_mask"),
  };
  const projected: Graph = {
    ...bench.g,
    parameter: (name, ...rest) =>
      name === PROJECTION ? input("projection") : bench.g.parameter(name, ...rest),
  };
  const { total, terms } = losses(
    projected,
    { logits, binomial, centers, embedding, scale_m, depth_m },
    {
      depth_m: input("depth_m"),
      valid: input("valid"),
      usable: input("usable"),
      teacher,
      overlap_weights: optional("overlap_weights"),
    },
    { ...choice, bins_form: form, relation_form: form },
  );
  const scalars = Object.keys(terms).map((term) => [
    weightName(term as LossTerm),
    weights[term] ?? 1,
  ]);
  return { outputs: { total, ...terms }, scalars: Object.fromEntries(scalars) };
}

/** The operator `training_loss` with bins and relations in one form. */
export function trainingLossIn(form: Form): GoldenBuilder {
  return (bench) => trainingLoss(bench, form);
}

/** Depth, cross depth and divergence of each pixel in one sweep. */
export const distilledBins: GoldenBuilder = (bench) => {
  const { input } = bench;
  const { teacher: kind } = bench.attributes as { teacher: "relative" | "logits" | "binomial" };
  const [centers, scale] = [input("centers"), input("scale")];
  const bins = centers.shape.at(-1)!;
  const teacher =
    kind === "binomial"
      ? packBinomial(input("teacher_pi"), input("teacher_t"), { bins })
      : input("teacher");
  const given = { teacher, centers, scale };
  const binomial = binomialOf(bench, ["pi", "t"]);
  const made =
    binomial === null
      ? binDistill({ student: input("student"), ...given }, { teacher: kind })
      : binDistillBinomial({ ...binomial, ...given }, { teacher: kind });
  return { outputs: { ...made } };
};

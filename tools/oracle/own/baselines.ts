// Operators of the source `own` for the baselines, the other ways to distil: each is one term of the
// loss.
import { baselineLoss, type Baseline } from "../../../src/distill/baselines.ts";
import type { Value } from "../../../src/graph/value.ts";
import type { Workbench } from "../workbench.ts";
import { number, pair, type Attributes } from "./attributes.ts";
import type { Composite } from "./own_op.ts";
import { withInputsAsParameters } from "./parameters.ts";

const USABLE = "usable [V, h, w, 1] 1 where the pixel counts";
const EMBEDDINGS = `embedding [V, h, w, E], teacher_embedding [V, h, w, C], ${USABLE}`;
const TEMPERATURE = { temperature: number(4, "tau of the KL") };
const GRID = { grid: pair([6, 10], "tokens of a view along height and width") };

interface Settings {
  readonly temperature?: number;
  readonly grid?: readonly [number, number];
}

/** The term of one baseline on the inputs that a case has; inputs that it does not use are zeros. */
function term(
  baseline: Exclude<Baseline, "none">,
): (bench: Workbench, settings: Settings) => Record<string, Value> {
  return (bench, { temperature = 1, grid = [1, 1] }) => {
    const usable = bench.input("usable");
    const given = (name: string): Value => bench.optional(name) ?? bench.filled(usable.shape, 0);
    const inputs = {
      output: { logits: given("logits"), embedding: given("embedding") },
      depth_m: given("depth_m"),
      teacher: {
        index: null,
        binomial: null,
        centers: null,
        embedding: bench.optional("teacher_embedding"),
        depth_m: bench.optional("teacher_depth_m"),
        mask: null,
      },
      bins: { logits: given("teacher_logits") },
      usable,
      temperature,
      grid,
    } as const;
    const graph = withInputsAsParameters(bench, () => "projection");
    return { baseline: baselineLoss(graph, baseline, inputs) };
  };
}

function composite(
  baseline: Exclude<Baseline, "none">,
  says: string,
  shapes: string,
  attributes: Attributes = {},
): Composite {
  const inputs = [...shapes.matchAll(/(\w+) \[/g)].map(([, name]) => name);
  return {
    says,
    shapes: `${shapes} -> baseline [1]`,
    inputs,
    outputs: ["baseline"],
    attributes,
    build: term(baseline),
  };
}

const METRES =
  "depth_m [V, h, w, 1] metres above 0, teacher_depth_m [V, h, w, 1] metres, 0 = none, " + USABLE;

/** The baselines by name; `src/distill/README.md` defines them. */
export const BASELINE_COMPOSITES: Readonly<
  Record<`baseline_${Exclude<Baseline, "none">}`, Composite>
> = {
  baseline_output_silog: composite(
    "output_silog",
    "silog of depth_m against teacher_depth_m over pixels that are usable and have teacher depth",
    METRES,
  ),
  baseline_output_l1: composite(
    "output_l1",
    "mean of |depth_m - teacher_depth_m| over pixels that are usable and have teacher depth",
    METRES,
  ),
  baseline_hinton: composite(
    "hinton",
    "bin_kl: temperature^2 sum_k q_T (ln q_T - ln q_S), q = softmax(logits / temperature), " +
      "averaged over usable pixels",
    `logits [V, h, w, K], teacher_logits [V, h, w, K], ${USABLE}`,
    TEMPERATURE,
  ),
  baseline_fitnets: composite(
    "fitnets",
    "mean over usable pixels of |projection embedding - teacher_embedding|^2 / C",
    `embedding [V, h, w, E], teacher_embedding [V, h, w, C], projection [C, E], ${USABLE}`,
  ),
  baseline_attention_transfer: composite(
    "attention_transfer",
    "(1 / V) sum_v |a_S - a_T|^2: a is the mean of the squares over channels, masked_pool of it to " +
      "grid with usable, and the tokens of each view divided by their length",
    EMBEDDINGS,
    GRID,
  ),
  baseline_similarity: composite(
    "similarity",
    "(1 / V^2) |G_S - G_T|^2: G = F F^T of the tokens F [V, L C] of all views, masked_pool of the " +
      "embedding to grid with usable, and each row of G divided by its length",
    EMBEDDINGS,
    GRID,
  ),
};

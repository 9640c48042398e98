// Depth metrics: plain code of the host in src/evaluate, which no kernel computes.
import { depthMetrics, medianScale } from "../../../src/evaluate/metrics.ts";
import { clause, floats, knows, type Offer } from "../offer.ts";
import { flagOf } from "../attributes.ts";

const RANGE = { min_m: 0, cap_m: Infinity };
const NAMES = ["abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3"];

/** The seven metrics of depth. */
export const depthMetricsOffer: Offer = {
  clauses: [
    floats(),
    clause(
      `outputs among ${NAMES.join(", ")} (on the host only, no kernel has them)`,
      ({ outputs }) => outputs.every((want) => want !== null && NAMES.includes(want.name)),
    ),
    knows("median_scaling"),
    clause(
      "as many predictions as truths, at least one",
      ({ inputs: [p, g] }) =>
        p !== null &&
        p !== undefined &&
        p.values.length > 0 &&
        p.values.length === g?.values.length,
    ),
    clause("depths above 0 and finite", ({ inputs }) =>
      inputs.slice(0, 2).every((depth) => depth?.values.every((v) => v > 0 && v < Infinity)),
    ),
  ],
  host: (given) => {
    const [prediction, truth] = given.inputs.map((tensor) => tensor!.values);
    const scaled = flagOf(given, "median_scaling", false);
    const scale = scaled ? medianScale(prediction, truth, RANGE) : 1;
    const metrics = depthMetrics(prediction, truth, RANGE, scale);
    if (metrics === undefined) return {};
    return { ...metrics, delta1: metrics.a1, delta2: metrics.a2, delta3: metrics.a3 };
  },
};

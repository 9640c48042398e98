// Supervision beside distillation at the budget of `ringdepth start`, as the ablation measured it.
// test/cli/start_ablation.test.ts compares it with the table in bench/results.
import type { EarlierAblation } from "../../report/report_data.ts";

/** The table of bench/results/2026-11-29-ablation.json. */
export const START_ABLATION: EarlierAblation = {
  command: "ringdepth ablate --data rig --seeds 5 --out runs/ablation",
  date: "2026-11-29",
  adapter: "lavapipe (Mesa 25.0.7)",
  seeds: 5,
  moments: 24,
  rows: [
    {
      name: "supervised",
      abs_rel: 0.3589,
      deviation: 0.0193,
      rmse: 12.65,
      disagreement: 0.3038,
    },
    {
      name: "ckd",
      abs_rel: 0.2915,
      deviation: 0.0351,
      rmse: 9.79,
      disagreement: 0.2501,
      gain: [18.8, 8.4, 29.1],
    },
    {
      name: "vrkd",
      abs_rel: 0.3465,
      deviation: 0.0158,
      rmse: 12.07,
      disagreement: 0.2974,
      gain: [3.3, -1.9, 8.6],
    },
    {
      name: "both",
      abs_rel: 0.2893,
      deviation: 0.0371,
      rmse: 9.77,
      disagreement: 0.2529,
      gain: [19.5, 9.1, 29.8],
    },
  ],
};

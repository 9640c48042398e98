// Supervision beside distillation at the budget of `ringdepth start`, as the ablation measured it.
// test/cli/start_ablation.test.ts compares it with the table in bench/results.
import type { EarlierAblation } from "../../report/report_data.ts";

/** The table of bench/results/2026-11-28-ablation.json. */
export const START_ABLATION: EarlierAblation = {
  command: "ringdepth ablate --data rig --seeds 5 --rows supervised,both --out runs/ablation",
  date: "2026-11-28",
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
      name: "both",
      abs_rel: 0.2893,
      deviation: 0.0371,
      rmse: 9.77,
      disagreement: 0.2529,
      gain: [19.5, 9.1, 29.8],
    },
  ],
};

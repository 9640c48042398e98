// Supervision beside distillation at the budget of `ringdepth start`, as the ablation measured it.
// test/cli/start_ablation.test.ts compares it with the table in bench/results.
import type { EarlierAblation } from "../../report/report_data.ts";

/** The table of bench/results/2026-11-28-ablation.json. */
export const START_ABLATION: EarlierAblation = {
  command: "ringdepth ablate --data rig --seeds 5 --out runs/ablation",
  date: "2026-11-28",
  adapter: "lavapipe (Mesa 25.0.7)",
  seeds: 5,
  moments: 24,
  rows: [
    { name: "supervised", abs_rel: 0, deviation: 0, rmse: 0, disagreement: 0 },
    { name: "both", abs_rel: 0, deviation: 0, rmse: 0, disagreement: 0, gain: [0, 0, 0] },
  ],
};

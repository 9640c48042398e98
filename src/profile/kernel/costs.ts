// The cost of safeguards: devices without bounds checks or without validation, and what each row of
// a profile pays for them.
import type { Gpu } from "../../gpu/device.ts";
import type { Bench } from "../../measure/measure.ts";
import type { Subject } from "../../measure/run_profile.ts";
import type { ProfileRow } from "../../measure/saved_run.ts";
import { measureCosts, WITHOUT, type RowCosts } from "../../measure/safeguards.ts";

/** The safeguards whose cost is measured, and the way to a device without one. */
export interface CostChoice {
  readonly robustness: boolean;
  readonly validation: boolean;
  readonly open: (toggle: string) => Promise<Gpu>;
  readonly warn: (line: string) => void;
  readonly progress: (line: string) => void;
}

/** The costs of each row, null if it has none; an empty list if none were requested. */
export async function measuredCosts(
  bench: Bench,
  subjects: readonly Subject[],
  rows: readonly ProfileRow[],
  { robustness, validation, open, warn, progress }: CostChoice,
): Promise<(RowCosts | null)[]> {
  if (!robustness && !validation) return [];
  const bare = {
    robustness: robustness ? await open(WITHOUT.robustness) : null,
    validation: validation ? await open(WITHOUT.validation) : null,
  };
  try {
    const costs: (RowCosts | null)[] = [];
    for (const [i, subject] of subjects.entries()) {
      progress(`${i + 1}/${subjects.length} safeguards of ${rows[i].kernel}`);
      const cost = rows[i].error === "" ? await measureCosts(bench, bare, subject) : null;
      if (cost !== null && cost.error !== "") warn(cost.error);
      costs.push(cost);
    }
    return costs;
  } finally {
    bare.robustness?.close();
    bare.validation?.close();
  }
}

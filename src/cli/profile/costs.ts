// `--no-robustness` and `--skip-validation`: second devices without a safeguard, and what each row
// of a profile pays for it.
import type { Gpu } from "../../gpu/device.ts";
import type { Bench } from "../../measure/measure.ts";
import type { Target } from "../../measure/run_profile.ts";
import type { ProfileRow } from "../../measure/saved_run.ts";
import { measureCosts, WITHOUT, type RowCosts } from "../../measure/safeguards.ts";
import type { ProfileOptions } from "./profile_options.ts";
import type { ProfileRun } from "./run.ts";

/** The costs of each row, null where it has none; an empty list where none were asked for. */
export async function measuredCosts(
  { surroundings, output, options }: ProfileRun<ProfileOptions>,
  bench: Bench,
  targets: readonly Target[],
  rows: readonly ProfileRow[],
): Promise<(RowCosts | null)[]> {
  const { robustness = true, skipValidation = false, adapter } = options;
  if (robustness && !skipValidation) return [];
  const open = async (toggle: string): Promise<Gpu> =>
    await surroundings.openGpu({
      validation: true,
      toggles: [toggle],
      ...(adapter !== undefined && { adapter }),
    });
  const bare = {
    robustness: robustness ? null : await open(WITHOUT.robustness),
    validation: skipValidation ? await open(WITHOUT.validation) : null,
  };
  try {
    const costs: (RowCosts | null)[] = [];
    for (const [i, target] of targets.entries()) {
      output.progress(`${i + 1}/${targets.length} safeguards of ${rows[i].kernel}`, false);
      const cost = rows[i].error === "" ? await measureCosts(bench, bare, target) : null;
      if (cost !== null && cost.error !== "") output.warn(cost.error);
      costs.push(cost);
    }
    return costs;
  } finally {
    bare.robustness?.close();
    bare.validation?.close();
  }
}

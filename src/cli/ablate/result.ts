// The result of an ablation as JSON, and the facts beside its table.
import { basename, join, resolve } from "node:path";
import { ABLATION_FILES } from "../../ablate/ablation.ts";
import type { CellRecord } from "../../ablate/cell_file.ts";
import type { AblationPlan } from "../../ablate/plan.ts";
import type { AblationTable } from "../../ablate/table.ts";
import type { AblationAbout } from "../../ablate/text_table.ts";
import type { TrainConfig } from "../../train/config.ts";

/** The facts of a finished or interrupted ablation. */
export interface AblationFacts {
  /** The configuration of all rows, before their own keys. */
  readonly base: TrainConfig;
  readonly plan: AblationPlan;
  /** The records so far by the name of their cell. */
  readonly outcome: {
    readonly records: ReadonlyMap<string, CellRecord>;
    readonly interrupted: boolean;
  };
  readonly out: string;
  /** The adapter of this process. */
  readonly adapter: string;
}

/** The JSON of `ringdepth ablate`. */
export function ablationValue(table: AblationTable, facts: AblationFacts): unknown {
  const { base, plan, outcome, out } = facts;
  const records = [...outcome.records.values()];
  const failed = records.filter(({ failure }) => failure !== null).length;
  const { student, steps, size } = base;
  return {
    ...table,
    seeds: plan.seeds,
    budget: { student, steps, size },
    data: base.data,
    adapter: adapters(facts).join("; "),
    date: dateOf(facts),
    cells: {
      planned: plan.cells.length,
      finished: records.length - failed,
      failed,
      interrupted: outcome.interrupted,
    },
    config: base,
    out,
    report: join(out, ABLATION_FILES.report),
  };
}

/** The facts beside the table for people. */
export function aboutAblation(facts: AblationFacts): AblationAbout {
  const { base, plan, out } = facts;
  const { student, steps, size, data, rig } = base;
  const moments =
    data === "rig"
      ? `built-in rig, ${rig.train_moments} moments to train on, ${rig.held_out_moments} held out`
      : data;
  return {
    title: `Ablation ${basename(resolve(out))}`,
    facts: [
      ["data", moments],
      ["budget", `${student}, ${size.height}x${size.width}, ${steps} steps`],
      ["seeds", plan.seeds.join(", ")],
      ["adapter", adapters(facts).join("; ")],
      ["date", dateOf(facts)],
    ],
  };
}

/** Where the finished cells were trained; this process's adapter before any is. */
function adapters({ outcome, adapter }: AblationFacts): string[] {
  const found = [...outcome.records.values()].flatMap(({ result }) => result?.adapter ?? []);
  return found.length === 0 ? [adapter] : [...new Set(found)];
}

/** When the last cell was finished: the same however often the finished table is asked for. */
function dateOf({ outcome }: AblationFacts): string {
  const dates = [...outcome.records.values()].map(
    ({ result, failure }) => (result ?? failure)!.date,
  );
  const last = dates.toSorted().at(-1) ?? new Date().toISOString();
  return `${last.slice(0, 16).replace("T", " ")} UTC`;
}

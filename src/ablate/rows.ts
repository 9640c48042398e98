// The rows of an ablation: named changes to one configuration. Those of the paper are built in;
// others are written as NAME:KEY=VALUE,KEY=VALUE.
import type { Baseline } from "../distill/baselines.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "../train/config.ts";
import { parseOverride, splitList, type Override } from "./overrides.ts";

/** A row by its name, and the keys in which it differs from the configuration of all rows. */
export interface Row {
  readonly name: string;
  readonly overrides: readonly Override[];
}

/** The row that others are compared with unless the command names another. */
export const REFERENCE = "supervised";

/** The rows of the paper's table, which are the default. */
export const PAPER_ROWS = ["supervised", "ckd", "vrkd", "both"] as const;

// The keys that each seed, or the command itself, sets for all rows.
const SHARED_KEYS = ["seed", "data"];

/** The built-in rows over a configuration: those of the paper, and other ways to distil. */
export function builtinRows(base: TrainConfig): ReadonlyMap<string, readonly Override[]> {
  const { relation } = base.loss;
  const on = relation === "none" ? "cosine" : relation;
  return new Map([
    [REFERENCE, NO_TEACHER],
    ["ckd", terms(true, "none")],
    ["vrkd", terms(false, on)],
    ["both", terms(true, on)],
    ["output_silog", baseline("output_silog")],
    ["output_l1", [...baseline("output_l1"), TENTH]],
    ["hinton", [...baseline("hinton"), TENTH, { key: "loss.temperature", value: 4 }]],
    ["fitnets", baseline("fitnets")],
    ["at", baseline("attention_transfer")],
    ["sp", baseline("similarity")],
    ["rkd", [...terms(false, "views"), UNIT]],
    ["cirkd", [...terms(false, "softmax"), UNIT]],
  ]);
}

// Without a teacher there is no head to share.
const NO_TEACHER: readonly Override[] = [
  { key: "teacher.kind", value: "none" },
  { key: "teacher.shared", value: false },
  { key: "teacher.shared_network", value: null },
];

// Scales metres, and a divergence times 16, to the size of the supervised term.
const TENTH: Override = { key: "loss.weights.baseline", value: 0.1 };

// The relations of other methods are divergences and Huber losses of ratios, larger than that of cosines.
const UNIT: Override = { key: "loss.weights.relation", value: 1 };

function terms(ckd: boolean, relation: string, other: Baseline = "none"): Override[] {
  return [
    { key: "loss.ckd", value: ckd },
    { key: "loss.relation", value: relation },
    { key: "loss.baseline", value: other },
  ];
}

/** A baseline in the place of the method's own terms. */
function baseline(name: Baseline): Override[] {
  return terms(false, "none", name);
}

/**
 * Reads a list of rows: names of built-in ones, or own ones as `NAME:KEY=VALUE,KEY=VALUE`, which
 * may begin with a built-in row: `NAME:ROW,KEY=VALUE`. Throws InputError naming the row where the
 * name is unknown, taken or not fit for a folder, or all rows share a key that it sets.
 */
export function parseRows(text: string, base: TrainConfig): Row[] {
  const builtin = builtinRows(base);
  const rows: { name: string; overrides: Override[] }[] = [];
  let isOwn = false;
  for (const part of splitList(text)) {
    const [, name, first] = /^([^:=]*):(.*)$/s.exec(part) ?? [];
    if (name !== undefined) {
      checkName(name, builtin);
      const overrides = [...(builtin.get(first) ?? [])];
      if (!builtin.has(first)) overrides.push(ownKey(first, name));
      rows.push({ name, overrides });
      isOwn = true;
    } else if (part.includes("=")) {
      const row = rows.at(-1);
      if (row === undefined || !isOwn) {
        throw new InputError(`--rows ${part}: name the row first, as in NAME:${part}`);
      }
      row.overrides.push(ownKey(part, row.name));
    } else {
      const overrides = builtin.get(part);
      if (overrides === undefined) {
        throw new InputError(
          `--rows ${JSON.stringify(part)}: no such row; known: ${[...builtin.keys()].join(", ")}, ` +
            `or a row of your own as NAME:KEY=VALUE,KEY=VALUE`,
        );
      }
      rows.push({ name: part, overrides: [...overrides] });
      isOwn = false;
    }
  }
  const names = rows.map((row) => row.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new InputError(`--rows: ${twice} is named twice`);
  return rows;
}

function checkName(name: string, builtin: ReadonlyMap<string, unknown>): void {
  if (builtin.has(name)) {
    throw new InputError(`--rows ${name}: a built-in row has this name; choose another name`);
  }
  if (!/^[A-Za-z0-9]\w{0,39}$/.test(name)) {
    throw new InputError(
      `--rows ${JSON.stringify(name)}: a name has 1 to 40 letters, digits and underscores`,
    );
  }
}

function ownKey(text: string, name: string): Override {
  const override = parseOverride(text, `--rows ${name}`);
  if (SHARED_KEYS.includes(override.key)) {
    throw new InputError(`--rows ${name}: ${override.key} is the same for all rows`);
  }
  return override;
}

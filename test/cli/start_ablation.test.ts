// The figures that `ringdepth start` prints beside its own result are those of the shipped table.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { START_ABLATION } from "../../src/cli/train/start_ablation.ts";

/** The rows of an ablation as `--json` prints them. */
interface Table {
  readonly date: string;
  readonly seeds: readonly number[];
  readonly rows: readonly {
    readonly name: string;
    readonly mean: Readonly<Record<string, number>>;
    readonly spread: Readonly<Record<string, number>>;
    readonly gain: Readonly<Record<string, readonly number[] | undefined>> | null;
    readonly disagreement: number;
  }[];
}

test("they are the rounded rows of the table in bench/results", () => {
  const text = readFileSync("bench/results/2026-11-29-ablation.json", "utf8");
  const table = JSON.parse(text) as Table;
  expect(START_ABLATION.seeds).toBe(table.seeds.length);
  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  expect(START_ABLATION.rows).toEqual(
    table.rows.map(({ name, mean, spread, gain, disagreement }) => ({
      name,
      abs_rel: round(mean.abs_rel, 4),
      deviation: round(spread.abs_rel, 4),
      rmse: round(mean.rmse, 2),
      disagreement: round(disagreement, 4),
      ...(name !== "supervised" && { gain: gain?.abs_rel?.map((value) => round(value, 1)) }),
    })),
  );
});

// The time of a cell of `ablate` beside that of `train` with the same configuration:
// `npx tsx bench/cell_time.ts [STEPS] [PAIRS] [HxW]`. Both are commands of their own, one after the
// other, and every second pair begins with the other one. Both must end with the same AbsRel.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { estimate, type Estimate } from "../src/measure/statistics.ts";

const [steps = "60", pairs = "2", size = "64x128"] = process.argv.slice(2);
const command = new URL("../tools/ringdepth.js", import.meta.url).pathname;
const root = await mkdtemp(join(tmpdir(), "ringdepth-cell-time-"));

/** Wall time of a command that prints JSON, and that JSON. */
async function timed(...words: string[]): Promise<readonly [time_s: number, json: unknown]> {
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...words, "--json"]);
  return [(performance.now() - start) / 1000, JSON.parse(stdout)];
}

/** The folder of the only cell of an ablation. */
async function cellOf(out: string): Promise<string> {
  const cells = join(out, "cells");
  const [name] = await readdir(cells);
  return join(cells, name);
}

async function ablated(out: string): Promise<number> {
  const base = join(root, "base.yaml");
  await writeFile(base, "teacher: {kind: builtin}\n");
  const rows = ["--rows", "both", "--reference", "both", "--seeds", "1"];
  const budget = ["--steps", steps, "--size", size, "--config", base];
  const [time_s] = await timed("ablate", ...rows, ...budget, "--out", out);
  return time_s;
}

/** The part of a cell's file that is compared. */
interface CellFile {
  readonly content: { readonly result: { readonly metrics: { readonly abs_rel: number } } };
}

/** The time of `train`, once its result is compared with that of a cell. */
async function trained(out: string, cell: string): Promise<number> {
  const [time_s, json] = await timed("train", "--config", join(cell, "config.yaml"), "--out", out);
  const { evaluation } = json as { readonly evaluation: { readonly all: { abs_rel: number } } };
  const { content }: CellFile = JSON.parse(await readFile(join(cell, "cell.json"), "utf8"));
  if (content.result.metrics.abs_rel !== evaluation.all.abs_rel) {
    throw new Error(
      `AbsRel ${evaluation.all.abs_rel}, in the cell ${content.result.metrics.abs_rel}`,
    );
  }
  return time_s;
}

const text = ({ median, low, high }: Estimate): string =>
  `${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
try {
  const ratios: number[] = [];
  console.log(`${steps} steps at ${size}, ${pairs} pairs`);
  for (let pair = 0; pair < Number(pairs); pair++) {
    const ablation = async (): Promise<number> => await ablated(join(root, `ablate-${pair}`));
    // Every training has the configuration of the first cell.
    const training = async (): Promise<number> =>
      await trained(join(root, `train-${pair}`), await cellOf(join(root, "ablate-0")));
    const isTrainFirst = pair % 2 === 1;
    const first_s = isTrainFirst ? await training() : await ablation();
    const second_s = isTrainFirst ? await ablation() : await training();
    const [cell_s, train_s] = isTrainFirst ? [second_s, first_s] : [first_s, second_s];
    ratios.push(cell_s / train_s);
    console.log(`cell ${cell_s.toFixed(1)} s, train ${train_s.toFixed(1)} s`);
  }
  console.log(`time of a cell divided by that of train: ${text(estimate(ratios))}`);
} finally {
  await rm(root, { recursive: true });
}

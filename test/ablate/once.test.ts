// What the cells of an ablation share: data, teachers and compiled kernels are made once, so that a
// further cell does nothing that `ringdepth train` does not do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { claimAblation, runAblation } from "../../src/ablate/ablation.ts";
import { sharedInputs } from "../../src/ablate/cell_inputs.ts";
import { fitModule } from "../../src/train/teacher/fit_module.ts";
import { planAblation, type AblationPlan } from "../../src/ablate/plan.ts";
import { parseRows } from "../../src/ablate/rows.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { gpu } from "../support/gpu.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-once-"));
afterAll(() => rmSync(root, { recursive: true }));
const given = {
  rig: { train_moments: 2, held_out_moments: 1 },
  size: { height: 32, width: 32 },
  head: { kind: "softmax_bins", bins: 8 },
  loss: { relation_grid: [1, 2] },
  steps: 1,
};

function planOf(rows: string, seeds = [0]): AblationPlan {
  const parsed = parseRows(rows, resolveConfig(given, "test"));
  return planAblation({ given, rows: parsed, points: [{ axes: {}, overrides: [] }], seeds });
}

test("rows of one seed share data and teacher; rows with two teachers keep both", async () => {
  const { cells } = planOf(
    "supervised,ckd,vrkd,truth:both,teacher.kind=oracle,weak:both,loss.weights.kl=0.1",
    [0, 1],
  );
  const fits: number[] = [];
  const inputs = sharedInputs(
    () => gpu,
    async (config, source, base) => {
      fits.push(config.seed);
      return await fitModule({ gpu, config, source, base, out: join(root, `${config.seed}`) });
    },
  );
  const first = [];
  for (const { config } of cells.slice(0, 5)) first.push(await inputs.of(config));
  expect(new Set(first.map(({ source }) => source)).size).toBe(1);
  expect(new Set(first.map(({ heldOut }) => heldOut)).size).toBe(1);
  const [supervised, ckd, vrkd, truth, weak] = first.map(({ teacher }) => teacher);
  expect(supervised).toBeNull();
  expect([vrkd, weak]).toEqual([ckd, ckd]);
  expect(vrkd).toBe(ckd);
  expect(weak).toBe(ckd);
  expect(truth?.name).not.toBe(ckd?.name);
  // A moment is rendered once, whichever row asks.
  const [{ source }] = first;
  const { size } = cells[0].config;
  expect(await source.sample(0, size)).toBe(await source.sample(0, size));
  const other = await inputs.of(cells[5].config);
  expect(other.source).not.toBe(source);
  // One module per seed; the first row of a seed is supervised and needs none.
  expect(fits).toEqual([0]);
  inputs.close();
});

test("a second cell of the same shapes compiles nothing and opens no device", async () => {
  const compiled = vi.spyOn(gpu.device, "createComputePipelineAsync");
  const out = join(root, "run");
  const lock = await claimAblation(out);
  const after: number[] = [];
  const fits: number[] = [];
  try {
    const isStopped = await runAblation({
      gpu,
      reopen: async () => await Promise.reject(new Error("a device is opened")),
      plan: planOf("both,weak:both,loss.weights.kl=0.1"),
      out,
      tuning: null,
      signal: new AbortController().signal,
      onFit: (_, steps) => void fits.push(steps),
      onFitStep: () => {},
      onTraining: () => {},
      onStep: () => {},
      onEvaluation: () => {},
      onRecord: (_, { failure }) => {
        expect(failure).toBeNull();
        after.push(compiled.mock.calls.length);
      },
      onMessage: () => {},
    });
    expect(isStopped).toBe(false);
    expect(fits).toHaveLength(1);
  } finally {
    compiled.mockRestore();
    await lock.release();
  }
  expect(after[1]).toBe(after[0]);
});

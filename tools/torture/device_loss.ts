// A device that is destroyed at a random step: the run continues by itself, to the same bits.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { openSource } from "../../src/train/source.ts";
import { train } from "../../src/train/trainer.ts";
import { faultsOfRun } from "./paper_run.ts";
import { newTally, type Tally, type TortureOptions } from "./tally.ts";

const STEPS = 12;
const CONFIG = {
  rig: { train_moments: 2, held_out_moments: 1 },
  size: { height: 32, width: 32 },
  steps: STEPS,
  checkpoint_every: 5,
  head: { kind: "softmax_bins", bins: 8 },
  loss: { ckd: false, relation: "none" },
  teacher: { kind: "none" },
};

/** 3 or 20 losses. */
export async function torturedByLoss({
  isLarge,
  count,
  seed,
  root,
}: TortureOptions): Promise<Tally> {
  const tally = newTally("device destroyed at a random step", "losses");
  const config = resolveConfig(CONFIG, "torture");
  const source = await openSource(config, "train");
  let gpu: Gpu | undefined;
  const reopen = async (): Promise<Gpu> => {
    gpu?.close();
    gpu = await openGpu({ validation: true });
    return gpu;
  };
  const trained = async (name: string, lostAt: number | null): Promise<Buffer> => {
    const out = join(root, name);
    let isLost = false;
    const ended = await train({
      gpu: await reopen(),
      reopen,
      config,
      source,
      teacher: null,
      out,
      resume: false,
      onStep: ({ step }) => {
        if (step !== lostAt || isLost) return;
        isLost = true;
        gpu?.device.destroy();
      },
    });
    await ended.close();
    return readFileSync(ended.folder.student);
  };
  try {
    const unbroken = await trained("never_lost", null);
    const random = randomStream(seed, 4);
    for (let i = 0; i < (count ?? (isLarge ? 20 : 3)); i++) {
      const step = 1 + Math.floor(STEPS * random.uniform());
      tally.tries++;
      const name = `lost_${i}`;
      const told = (text: string): unknown => tally.faults.push(`lost at step ${step}: ${text}`);
      try {
        if (!(await trained(name, step)).equals(unbroken)) told("other bits");
        for (const text of faultsOfRun(join(root, name), STEPS)) told(text);
      } catch (error) {
        told(String(error));
      }
    }
  } finally {
    gpu?.close();
  }
  return tally;
}

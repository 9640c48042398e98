// `ringdepth start`: the demonstration that `npm start` runs. Trains a small student with
// distillation on the built-in rig and shows what it learnt; nothing to download.
import type { Command } from "commander";
import { resolveConfig } from "../../train/config.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { common, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { listenForStop } from "../terminal/stop_signal.ts";
import { START_ABLATION } from "./start_ablation.ts";
import { runTraining } from "./training.ts";

// Chosen so that a software adapter on two cores finishes within minutes, including installation.
const START = {
  out: "runs/start",
  config: {
    student: "nano",
    rig: { train_moments: 160, held_out_moments: 12 },
    size: { height: 64, width: 128 },
    steps: 480,
  },
} as const;

/** Defines the command. */
export const defineStart: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("start")
    .description("demonstration: train nano on the built-in rig and write runs/start");
  common(command, "ringdepth start");
  command.action(async (options: CommonOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const config = resolveConfig(START.config, "start");
    const { out } = START;
    const ablation = START_ABLATION;
    const settings = { config, out, resume: false, replace: true, tune: true, ablation };
    const stop = listenForStop(output);
    try {
      const outcome = await withGpu(surroundings, output, options.adapter, (gpu, reopen) =>
        runTraining({ gpu, reopen }, settings, output, stop),
      );
      output.result(outcome.json, outcome.lines);
      exit(outcome.exitCode);
    } finally {
      stop.release();
    }
  });
};

// `ringdepth start`: the demonstration that `npm start` runs. Trains a small student with
// distillation on the built-in rig and shows what it learnt; nothing to download.
import type { Command } from "commander";
import { resolveConfig } from "../../train/config.ts";
import { DEMO_BUDGET, demoBudgetText } from "../settings/demo_budget.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { common, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { listenForStop } from "../terminal/stop_signal.ts";
import { START_ABLATION } from "./start_ablation.ts";
import { runTraining } from "./training.ts";

const OUT = "runs/start";

/** Defines the command. */
export const defineStart: Define = (program: Command, { surroundings, exit }) => {
  const command = program.command("start");
  command.addHelpText("after", `\nIt trains ${demoBudgetText()}.`);
  common(command, "ringdepth start");
  command.action(async (options: CommonOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const config = resolveConfig(DEMO_BUDGET, "start");
    const how = { resume: false, replace: true, tune: true };
    const settings = { config, out: OUT, ablation: START_ABLATION, ...how };
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

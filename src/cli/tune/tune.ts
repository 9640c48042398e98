// `ringdepth tune`: which mappings run the training step fastest on this adapter, measured and kept.
import type { Command } from "commander";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import {
  common,
  imageSize,
  positiveNumber,
  studentName,
  type CommonOptions,
} from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { runSettings, type RunFlags } from "../settings/run_settings.ts";
import { sweepStep } from "./tune_work.ts";

type TuneFlags = Pick<RunFlags, "data" | "student" | "size" | "config"> & {
  readonly budget?: number;
  readonly anew?: boolean;
};

const ABOUT = `
Every kernel of the step is tried with each of its mappings and tuned values: held against its
reference, timed, the best set against the rule in turn; then the whole step. What is faster and does
not slow the step is kept in a file of this adapter, which ringdepth train goes by (not with
--no-tune). The file may be deleted: that loses nothing but the time to measure it.`;

/** Defines the command. */
export const defineTune: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("tune")
    .description("measure which kernels run the training step fastest here, and keep that")
    .option("--data <source>", "rig, ddad:PATH or folder:PATH (default: rig)")
    .option("--student <name>", "nano or resnet18 (default: nano)", studentName)
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration; options on the command line come after it")
    .option(
      "--budget <s>",
      "seconds to take (default: 120, software 60)",
      positiveNumber("--budget"),
    )
    .option("--anew", "measure again what is known of this adapter")
    .addHelpText("after", ABOUT);
  common(command, "ringdepth tune --student nano --size 64x128");
  command.action(async (options: TuneFlags & CommonOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { config } = await runSettings(options);
    const { budget: budget_s, anew = false } = options;
    const outcome = await withGpu(surroundings, output, options.adapter, async (gpu) =>
      sweepStep({ gpu, output }, { config, budget_s, anew, apply: true }),
    );
    output.result(outcome.json, outcome.lines);
    exit(outcome.exitCode);
  });
};

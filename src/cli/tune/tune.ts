// `ringdepth tune`: measures which mappings run the training step fastest on this adapter, and
// saves them.
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
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
import { STUDENT_NAMES } from "../../student/student.ts";

type TuneFlags = Pick<RunFlags, "data" | "student" | "size" | "config"> & {
  readonly budget?: number;
  readonly anew?: boolean;
};

const ABOUT = `
Every kernel of the step is tried with each of its mappings and tuned values. Each candidate is
checked against the reference and timed; the fastest one is then timed interleaved with the one that
the rule chooses. Last, the whole step is timed with and without the new choices. Choices that are
faster and do not slow the step are saved in a file for this adapter. ringdepth train uses that file
unless --no-tune is given. You may delete it and tune again.`;

/** Defines the command. */
export const defineTune: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("tune")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration; command-line options override it")
    .option(
      "--budget <s>",
      "seconds to spend (default: 120; 60 on software adapters)",
      positiveNumber("--budget"),
    )
    .option("--anew", "measure again even where choices are already known")
    .addHelpText("after", ABOUT);
  common(command, "ringdepth tune --student nano --size 64x128");
  command.action(async (options: TuneFlags & CommonOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { config } = await runSettings(options);
    const { budget: budget_s, anew = false } = options;
    const outcome = await withGpu(surroundings, output, options.adapter, async (gpu) =>
      sweepStep({ gpu, output }, { config, budget_s, anew }),
    );
    output.result(outcome.json, outcome.lines);
    exit(outcome.exitCode);
  });
};

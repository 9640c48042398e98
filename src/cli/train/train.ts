// `ringdepth train`: trains a student, evaluates it and writes its run folder.
import type { Command } from "commander";
import { InputError } from "../../tensor/error.ts";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import { configKeys } from "../../train/config/help.ts";
import { STUDENT_NAMES } from "../../student/student.ts";
import type { LearningRateRange } from "../../train/range_test.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import {
  common,
  imageSize,
  precisionName,
  studentName,
  wholeNumber,
  type CommonOptions,
} from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { runSettings, type RunFlags } from "../settings/run_settings.ts";
import { listenForStop } from "../terminal/stop_signal.ts";
import type { Job } from "../../train/parallel/job.ts";
import { runFollowing } from "./following.ts";
import { inJob, type OwnPart } from "./in_job.ts";
import { adapterOf, processes, withRanks } from "./ranks.ts";
import { learningRateRange, RANGE_STEPS, runRangeTest } from "./range.ts";
import { runTraining } from "./training.ts";
import { tuneOption } from "../settings/tuning_cache.ts";

interface TrainOptions extends RunFlags, CommonOptions {
  readonly rangeTest?: LearningRateRange;
}

/** The keys of the configuration with their defaults, as the help lists them. */
function configHelp(): string {
  const keys = configKeys().map(({ path, value, description }) => [
    `${path}: ${JSON.stringify(value)}`,
    description,
  ]);
  const width = Math.min(38, Math.max(...keys.map(([key]) => key.length)));
  const lines = keys.map(([key, description]) => `  ${key.padEnd(width)}  ${description}`);
  return `\nKeys of --config and their defaults (a dot separates levels of YAML):\n${lines.join("\n")}`;
}

/** Defines the command. */
export const defineTrain: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("train")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--from <path>", "fine-tune a student: its file, or a run folder (default: a new one)")
    .option(
      "--steps <n>",
      "training steps; each uses one moment of the whole rig (default: 600)",
      wholeNumber("--steps", 1),
    )
    .option("--seed <n>", "seed for all random choices (default: 0)", wholeNumber("--seed", 0))
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option(
      "--validate-every <n>",
      "steps between validations on held-out moments (default: none)",
      wholeNumber("--validate-every", 1),
    )
    .option(
      "--precision <type>",
      "f16: store feature maps as 16-bit floats (default: f32)",
      precisionName,
    )
    .option("--recompute", "compute cheap feature maps again instead of keeping them: less memory")
    .option("--out <dir>", "run folder (default: runs/STUDENT-DATA)")
    .option(
      "--teacher.weights <path>",
      "weights of Depth Anything, which is then the teacher (key teacher.weights)",
    )
    .option("--config <file>", "YAML configuration; command-line options override it")
    .option("--resume", "continue from the latest checkpoint in the run folder")
    .option("--skip-bad-samples", "skip samples with broken files and count them")
    .option(
      "--range-test <low:high>",
      `find a learning rate: raise it during --steps (default: ${RANGE_STEPS}) steps; write no run folder`,
      learningRateRange,
    );
  tuneOption(command);
  command.addHelpText("after", configHelp);
  common(command, "ringdepth train --data ddad:data/ddad-mini --steps 600 --out runs/ddad");
  command.action(async (options: TrainOptions) => {
    await inJob(surroundings, async (part) => await trainInJob(options, part, exit));
  });
};

// The launcher sends it too when a process has died.
const CHECKPOINT_OF_ALL = "writing a checkpoint after this step if all processes are still at work";

/** The command in one process, which may be one of several. */
async function trainInJob(
  options: TrainOptions,
  { surroundings, job, warn }: OwnPart,
  exit: (code: number) => void,
): Promise<void> {
  const output = makeOutput(surroundings, options.json === true);
  const stop = listenForStop(output, undefined, job === null ? undefined : CHECKPOINT_OF_ALL);
  try {
    const { rangeTest: range, steps = range && RANGE_STEPS } = options;
    if (range !== undefined && options.resume === true) {
      throw new InputError("--range-test keeps no weights: leave --resume out");
    }
    if (range !== undefined && job !== null) {
      throw new InputError("--range-test runs in one process: start it without mpirun");
    }
    const flags = { ...options, ...(steps !== undefined && { steps }) };
    const settings = withRanks(await runSettings(flags), job?.ranks ?? 1);
    const adapter = options.adapter ?? (await ownAdapter(job));
    const outcome = await withGpu(surroundings, output, adapter, async (gpu, reopen) => {
      const device = { gpu, reopen };
      if (job !== null && job.rank > 0) {
        await runFollowing(job, device, settings, stop, warn);
        return null;
      }
      if (range !== undefined) return await runRangeTest(device, settings, range, output, stop);
      if (job !== null) {
        const { rigs_per_step } = settings.config;
        output.say(`${processes(job.ranks)}, each with ${rigs_per_step} of the rigs of a pass`);
      }
      return await runTraining(device, settings, output, stop, job);
    });
    if (outcome === null) return;
    output.result(outcome.json, outcome.lines);
    exit(outcome.exitCode);
  } finally {
    stop.release();
  }
}

async function ownAdapter(job: Job | null): Promise<string | undefined> {
  if (job === null) return undefined;
  const { hardwareNames } = await import("../../gpu/node_device.ts");
  return adapterOf(await hardwareNames(), job.local_rank);
}

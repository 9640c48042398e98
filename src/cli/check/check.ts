// `ringdepth check`: every kernel against its reference on this adapter, or a whole network against
// the CPU path in f64.
import type { Command } from "commander";
import { withGpu } from "../terminal/adapter.ts";
import { matchingKernels } from "../../profile/kernel/matching.ts";
import { checkKernels } from "./check_kernels.ts";
import { checkKernelRaces } from "./check_races.ts";
import { checkNetwork, type CheckOptions } from "./check_network.ts";
import type { Define } from "../terminal/define.ts";
import type { Gpu } from "../../gpu/device.ts";
import { checkShadersOf } from "../../kernels/check/shader_table.ts";
import {
  common,
  imageSize,
  positiveNumber,
  studentName,
  wholeNumber,
} from "../terminal/options.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import { makeOutput } from "../terminal/output.ts";
import { InputError } from "../../tensor/error.ts";
import { STUDENT_NAMES } from "../../student/student.ts";

const NETWORK_ONLY = ["steps", "checkpoint", "size", "seed", "gate", "dump"] as const;

const DUMP = `
Files that --dump writes (safetensors; tensors are named as in the graph, NHWC and OHWI):
  weights    parameters, and running statistics as state/NAME
  batch      inputs of the step
  outputs    outputs of the student: from the GPU (f32), and from the CPU (f64) as cpu/NAME
  losses     each term before weighting, and their weighted sum as loss; named like the outputs
  gradients  gradient of each parameter; named like the outputs`;

/** Defines the command. */
export const defineCheck: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("check")
    .argument("[glob]", "kernels to check, such as 'conv2d*' (default: all)")
    .option(
      "--races [globs...]",
      "search the small cases of kernels for data races instead of comparing numbers",
    )
    .optionsGroup("A network instead of kernels (the other options here need --network):")
    .option("--network <name>", `check the gradients of ${STUDENT_NAMES} instead`, studentName)
    .option("--steps <n>", "train this many steps first (default: 0)", wholeNumber("--steps", 0))
    .option("--checkpoint <file>", "check this trained student")
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option(
      "--seed <n>",
      "seed for the initial weights and the rig (default: 0)",
      wholeNumber("--seed", 0),
    )
    .option(
      "--gate <x>",
      "largest relative error allowed per gradient (default: 1e-3; 5e-3 once trained)",
      positiveNumber("--gate"),
    )
    .option("--dump <dir>", "write weights, batch, outputs, losses and gradients")
    .optionsGroup("Options:")
    .addHelpText("after", DUMP);
  common(
    command,
    "ringdepth check 'softmax*'\n  ringdepth check --races 'gemm*'\n  ringdepth check --network nano --json",
  );
  command.action(async (glob: string | undefined, options: CheckOptions) => {
    const output = makeOutput(surroundings, options.json === true, options.dump === undefined);
    const { network, adapter } = options;
    checkOutputs([{ option: "--dump", path: options.dump, isFolder: true }]);
    if (network !== undefined) {
      if (options.races !== undefined) throw new InputError("give --races or --network, not both");
      if (glob !== undefined) throw new InputError("give a glob of kernels or --network, not both");
      const settings = { ...options, network };
      exit(
        await withGpu(surroundings, output, adapter, (gpu) => checkNetwork(gpu, settings, output)),
      );
      return;
    }
    const stray = NETWORK_ONLY.find((name) => options[name] !== undefined);
    if (stray !== undefined) throw new InputError(`--${stray} needs --network`);
    const { races } = options;
    const globs = races === undefined || races === true ? [] : races;
    const named = glob === undefined ? globs : [glob, ...globs];
    const kernels =
      named.length === 0
        ? matchingKernels(undefined)
        : [...new Set(named.flatMap(matchingKernels))];
    checkShadersOf(kernels);
    const work = (gpu: Gpu): Promise<number> =>
      (races === undefined ? checkKernels : checkKernelRaces)(gpu, kernels, output);
    // Records know which indices lie outside, and clamped ones compile more slowly.
    const clamping = races === undefined ? "all" : "none";
    exit(await withGpu(surroundings, output, adapter, work, clamping));
  });
};

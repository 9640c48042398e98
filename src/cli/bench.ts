// `ringdepth bench`: its problems are in bench/, which only a clone has.
import type { Command } from "commander";
import { addCommands, type ListedCommand } from "./terminal/command_list.ts";
import type { CommandContext, Define } from "./terminal/define.ts";

const BENCHES: readonly ListedCommand[] = [
  {
    usage: "bins",
    description: "check bin decoding at every level of fusing and time the levels interleaved",
    load: async () => (await import("./bench/bins.ts")).defineBenchBins,
  },
  {
    usage: "relation",
    description: "check and time loss and gradient of the view relation, stored and fused",
    load: async () => (await import("./bench/relation.ts")).defineBenchRelation,
  },
  {
    usage: "kernels [parts...]",
    description: "the same as ringdepth profile --brief, with the problems of bench/",
    load: async () => (await import("./profile/bench_kernels.ts")).defineBenchKernels,
  },
  {
    usage: "step",
    description:
      "check a training step on the built-in rig at every level of fusing and time the levels interleaved",
    load: async () => (await import("./bench/step.ts")).defineBenchStep,
  },
  {
    usage: "host",
    description: "time the CPU work around a step: images, batches, command encoding, files",
    load: async () => (await import("./bench/host.ts")).defineBenchHost,
  },
  {
    usage: "peers [problem...]",
    description: "compare with other WebGPU engines on one device; installs them on first use",
    load: async () => (await import("./bench/peers.ts")).defineBenchPeers,
  },
];

/** Defines the command with its subcommands. */
export const defineBench: Define = async (program: Command, context: CommandContext) => {
  await addCommands(program.command("bench"), context, BENCHES);
};

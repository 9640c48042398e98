// `ringdepth bench`: alternatives timed interleaved on this adapter; kernels and host paths one by one. The problems lie in bench/, which comes with a clone.
import type { Command } from "commander";
import { defineBenchBins } from "./bins.ts";
import { defineBenchHost } from "./host.ts";
import { defineBenchKernels } from "./kernels.ts";
import { defineBenchRelation } from "./relation.ts";
import { defineBenchStep } from "./step.ts";
import type { CommandContext, Define } from "../terminal/define.ts";

/** Defines the command with its subcommands. */
export const defineBench: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("bench")
    .description("time the alternatives: levels of fusing in bins, relation and step; host code");
  defineBenchBins(command, context);
  defineBenchRelation(command, context);
  defineBenchKernels(command, context);
  defineBenchStep(command, context);
  defineBenchHost(command, context);
};

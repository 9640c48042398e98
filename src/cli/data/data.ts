// `ringdepth data`: inspects a data set, and writes the built-in rig in the format of one.
import type { Command } from "commander";
import { addCommands, type ListedCommand } from "../terminal/command_list.ts";
import type { CommandContext, Define } from "../terminal/define.ts";

const COMMANDS: readonly ListedCommand[] = [
  {
    usage: "inspect <source>",
    description: "list what a data set contains and its broken files; draw LiDAR over a moment",
    load: async () => (await import("./inspect.ts")).defineInspect,
  },
  {
    usage: "make <kind>",
    description: "write the built-in rig in the format of a data set",
    load: async () => (await import("./make.ts")).defineMake,
  },
];

/** Defines the command with its subcommands. */
export const defineData: Define = async (program: Command, context: CommandContext) => {
  await addCommands(program.command("data"), context, COMMANDS);
};

// `ringdepth teacher`: runs a foundation model, fits the module of a teacher, lists the maps that a
// teacher needs, and caches the maps that it gives.
import type { Command } from "commander";
import { addCommands, type ListedCommand } from "../terminal/command_list.ts";
import type { CommandContext, Define } from "../terminal/define.ts";

const COMMANDS: readonly ListedCommand[] = [
  {
    usage: "run",
    description: "run Depth Anything on every moment and write its maps as a teacher's folder",
    load: async () => (await import("./run.ts")).defineTeacherRun,
  },
  {
    usage: "fit",
    description: "train the binning module of a frozen relative model on LiDAR",
    load: async () => (await import("./fit.ts")).defineTeacherFit,
  },
  {
    usage: "list",
    description: "list the maps that teacher.kind files needs for a data source",
    load: async () => (await import("./list.ts")).defineTeacherList,
  },
  {
    usage: "cache",
    description: "compute a teacher's maps of all training moments once and keep them in files",
    load: async () => (await import("./cache.ts")).defineTeacherCache,
  },
];

/** Defines the command with its subcommands. */
export const defineTeacher: Define = async (program: Command, context: CommandContext) => {
  await addCommands(program.command("teacher"), context, COMMANDS);
};

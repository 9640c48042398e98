// `ringdepth teacher`: runs a foundation model, fits the module of a teacher, lists the maps that a
// teacher needs, and caches the maps that it gives.
import type { Command } from "commander";
import type { CommandContext, Define } from "../terminal/define.ts";
import { defineTeacherCache } from "./cache.ts";
import { defineTeacherFit } from "./fit.ts";
import { defineTeacherList } from "./list.ts";
import { defineTeacherRun } from "./run.ts";

/** Defines the command with its subcommands. */
export const defineTeacher: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("teacher")
    .description(
      "run a foundation model, fit a binning module to it, list the maps it needs, cache its maps",
    );
  defineTeacherRun(command, context);
  defineTeacherFit(command, context);
  defineTeacherList(command, context);
  defineTeacherCache(command, context);
};

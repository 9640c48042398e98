// `ringdepth data`: looks into a data set, and writes the built-in rig in the files of one.
import type { Command } from "commander";
import type { CommandContext, Define } from "../terminal/define.ts";
import { defineInspect } from "./inspect.ts";
import { defineMake } from "./make.ts";

/** Defines the command with its subcommands. */
export const defineData: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("data")
    .description("inspect a data set, or write the built-in rig in the files of one");
  defineInspect(command, context);
  defineMake(command, context);
};

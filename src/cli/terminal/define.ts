// How the file of a command adds it to the program.
import type { Command } from "commander";
import type { Surroundings } from "./surroundings.ts";

/** The inputs of a command besides its options. */
export interface CommandContext {
  readonly surroundings: Surroundings;
  /** The command line without the program's name. */
  readonly args: readonly string[];
  /** Sets the exit code. */
  readonly exit: (code: number) => void;
}

/** Adds one command to its parent, which has its description. */
export type Define = (parent: Command, context: CommandContext) => void | Promise<void>;

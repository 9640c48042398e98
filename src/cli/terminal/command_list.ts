// The commands of a program or of a group, listed without their modules: only that of the command
// that runs is imported.
import type { Command } from "commander";
import type { CommandContext, Define } from "./define.ts";
import { StrictCommand } from "./strict_command.ts";

/** A command as the help above it lists it. */
export interface ListedCommand {
  /** Its name, then its arguments. */
  readonly usage: string;
  readonly description: string;
  /** Whether it has subcommands, and no options of its own. */
  readonly isGroup?: boolean;
  /** Imports what defines it. */
  readonly load: () => Promise<Define>;
}

/**
 * Adds the commands to their parent: the one that the command line names with its options, the others
 * as lines of the help.
 */
export async function addCommands(
  parent: Command,
  context: CommandContext,
  list: readonly ListedCommand[],
): Promise<void> {
  const words = context.args.filter((word) => !word.startsWith("-") && word !== "help");
  const named = words[depthOf(parent)];
  for (const { usage, description, isGroup = false, load } of list) {
    const [name] = usage.split(" ");
    if (name === named) {
      const define = await load();
      await define(parent, context);
      const command = parent.commands.at(-1)!.description(description);
      if (command instanceof StrictCommand) await command.explainSettings();
    } else {
      const listed = parent.command(usage).description(description);
      // Every other command has options, which the help marks.
      if (!isGroup) listed.option("--json");
    }
  }
}

function depthOf(command: Command): number {
  return command.parent === null ? 0 : 1 + depthOf(command.parent);
}

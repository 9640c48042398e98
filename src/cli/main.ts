// Where the command line begins: importing this file runs the program.
import { runCli } from "./program.ts";
import { processSurroundings } from "./terminal/surroundings.ts";

// Set, not called: what is on its way to a pipe is still written.
process.exitCode = await runCli(process.argv.slice(2), processSurroundings());

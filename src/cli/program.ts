// The program `ringdepth`: its commands put together, and one run of it from arguments to exit
// code.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { defineBench } from "./bench.ts";
import { defineCheck } from "./check.ts";
import type { Define } from "./define.ts";
import { defineDoctor } from "./doctor.ts";
import { defineEval } from "./eval.ts";
import { EXIT, oneLine, reportError } from "./exit_code.ts";
import { definePredict } from "./predict.ts";
import { defineProfile } from "./profile.ts";
import { defineStart } from "./start.ts";
import { PROCESS, type Surroundings } from "./surroundings.ts";
import { defineTrain } from "./train.ts";
import { defineTune } from "./tune.ts";

const COMMANDS: readonly Define[] = [
  defineTrain,
  defineEval,
  definePredict,
  defineCheck,
  defineProfile,
  defineBench,
  defineTune,
  defineDoctor,
  defineStart,
];

const EXIT_CODES = `
Exit codes: 0 fine, 1 a gate failed, 2 wrong usage or input, 3 a wrong result, 4 no adapter,
130 and 143 after SIGINT and SIGTERM (a training run has then written a checkpoint).`;

/** Runs the program on `args` (without `node` and script) and returns its exit code. */
export async function runCli(
  args: readonly string[],
  surroundings: Surroundings = PROCESS,
): Promise<number> {
  const { stdout, stderr } = surroundings;
  let exitCode: number = EXIT.fine;
  const program = new Command("ringdepth")
    .description("Train and run surround-view depth students on hand-written WebGPU kernels.")
    .version(readVersion())
    .showHelpAfterError(false)
    // Subcommands have options of the names that their command has.
    .enablePositionalOptions()
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`ringdepth: ${oneLine(text.replace(/^error: /, ""))}\n`),
    });
  const context = {
    surroundings,
    args,
    exit: (code: number) => {
      exitCode = code;
    },
  };
  for (const define of COMMANDS) define(program, context);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, stderr);
  }
}

/** The version in package.json, which lies beside src/ and dist/ alike. */
function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

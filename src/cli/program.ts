// The program `ringdepth`: assembles its commands, and runs once from arguments to exit code.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { InputError } from "../tensor/error.ts";
import { printable } from "../tensor/printable.ts";
import type { Gpu, GpuOptions } from "../gpu/device.ts";
import { defineAblate } from "./ablate/ablate.ts";
import { defineBenchBins } from "./bench/bins.ts";
import { defineBenchHost } from "./bench/host.ts";
import { defineBenchRelation } from "./bench/relation.ts";
import { defineBenchStep } from "./bench/step.ts";
import { defineCheck } from "./check/check.ts";
import { defineData } from "./data/data.ts";
import type { Define } from "./terminal/define.ts";
import { defineDoctor } from "./doctor.ts";
import { defineEval } from "./predict/eval.ts";
import { defineExport } from "./export/export.ts";
import { defineGraph } from "./graph.ts";
import { EXIT } from "./terminal/exit_code.ts";
import type { CommonOptions } from "./terminal/options.ts";
import { definePredict } from "./predict/predict.ts";
import { defineBenchKernels } from "./profile/bench_kernels.ts";
import { defineProfile } from "./profile/profile.ts";
import { defineStart } from "./train/start.ts";
import { StrictCommand } from "./terminal/strict_command.ts";
import type { Surroundings } from "./terminal/surroundings.ts";
import { defineTeacher } from "./teacher/teacher.ts";
import { defineTrain } from "./train/train.ts";
import { checkShaderTable } from "../kernels/check/shader_table.ts";
import { defineTune } from "./tune/tune.ts";
import { reportError } from "./terminal/report_error.ts";

/** `ringdepth bench`: its problems are in bench/, which only a clone has. */
const defineBench: Define = (program, context) => {
  const command = program
    .command("bench")
    .description("time the alternatives: levels of fusing in bins, relation and step; host code");
  for (const define of BENCHES) define(command, context);
};

const BENCHES: readonly Define[] = [
  defineBenchBins,
  defineBenchRelation,
  defineBenchKernels,
  defineBenchStep,
  defineBenchHost,
];
const COMMANDS: readonly Define[] = [
  defineTrain,
  defineData,
  defineTeacher,
  defineEval,
  definePredict,
  defineExport,
  defineCheck,
  defineProfile,
  defineBench,
  defineTune,
  defineAblate,
  defineGraph,
  defineDoctor,
  defineStart,
];

const EXIT_CODES = `
Exit codes:
  0    success
  1    a gate failed, or a cell of an ablation
  2    wrong usage or input, or output that cannot be written
  3    a wrong result
  4    no WebGPU adapter
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM; a training run writes a checkpoint first
  141  the program that read the report closed the pipe early

For kernel developers: every command reads shaders/*.wgsl from disk. Set RINGDEPTH_SHADERS to read a
copy of that folder instead.`;

// The results of these are in files: a closed stdout does not make them fail.
const MAKES_FILES = new Set(["train", "start", "predict", "tune", "ablate", "teacher", "export"]);

/** Runs the program on `args` (without `node` and script) and returns its exit code. */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const exitCode = await runCommand(args, surroundings);
  return await afterStdout(exitCode, args, surroundings);
}

/** The exit code, after it is known whether stdout accepted all output. */
async function afterStdout(
  exitCode: number,
  args: readonly string[],
  { stdout, stderr }: Surroundings,
): Promise<number> {
  await stdout.flush?.();
  const fault = stdout.fault?.() ?? null;
  if (fault === null) return exitCode;
  const isReport = !MAKES_FILES.has(args[0]) || args.includes("--json");
  if (!fault.closed) {
    const what = isReport ? "; the result is not complete" : "";
    stderr.write(`ringdepth: stdout: cannot write: ${printable(fault.reason)}${what}\n`);
  }
  if (exitCode !== EXIT.fine || !isReport) return exitCode;
  return fault.closed ? EXIT.SIGPIPE : EXIT.usage;
}

async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  let exitCode: number = EXIT.fine;
  const program = new StrictCommand("ringdepth")
    .description("Train and run surround-view depth students on hand-written WebGPU kernels.")
    .version(readVersion())
    .showHelpAfterError(false)
    // Subcommands have options with the names of their command's options.
    .enablePositionalOptions()
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) =>
        write(`ringdepth: ${printable(text.replace(/^error: /, ""))}\n`),
    });
  let memoryBudget: number | undefined;
  program.hook("preAction", (_, command) => {
    ({ memoryBudget } = command.opts<CommonOptions>());
  });
  const context = {
    surroundings: {
      ...surroundings,
      openGpu: async (options: GpuOptions): Promise<Gpu> =>
        await surroundings.openGpu({
          ...options,
          ...(memoryBudget !== undefined && { memory_budget_bytes: memoryBudget }),
        }),
    },
    args,
    exit: (code: number) => {
      exitCode = code;
    },
  };
  program.hook("preAction", () => {
    checkShaderTable();
    const { RINGDEPTH_SHADERS: other = "" } = process.env;
    if (other !== "")
      stderr.write(`shaders are read from ${printable(other)} (RINGDEPTH_SHADERS)\n`);
  });
  for (const define of COMMANDS) define(program, context);
  try {
    await program.parseAsync(helpAsOption(program, args), { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, stderr);
  }
}

/**
 * `help bench bins` as `bench bins --help`: commander's own help command takes one name only.
 * Throws InputError for an unknown command, which commander would ignore.
 */
function helpAsOption(program: Command, args: readonly string[]): readonly string[] {
  if (args[0] !== "help") return args;
  let command = program;
  for (const name of args.slice(1)) {
    if (name.startsWith("-") || command.commands.length === 0) break;
    const next = command.commands.find((one) => one.name() === name);
    if (next === undefined && name !== "help") throw new InputError(`unknown command '${name}'`);
    command = next ?? command;
  }
  return args.length > 2 ? [...args.slice(1), "--help"] : args;
}

/** The version in package.json, which is next to both src/ and dist/. */
function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

// The program `ringdepth`: assembles its commands, and runs once from arguments to exit code.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { InputError } from "../tensor/error.ts";
import { printable } from "../tensor/printable.ts";
import type { Gpu, GpuOptions } from "../gpu/device.ts";
import { addCommands, type ListedCommand } from "./terminal/command_list.ts";
import { EXIT } from "./terminal/exit_code.ts";
import type { CommonOptions } from "./terminal/options.ts";
import { reportError } from "./terminal/report_error.ts";
import { StrictCommand } from "./terminal/strict_command.ts";
import type { Surroundings } from "./terminal/surroundings.ts";

const COMMANDS: readonly ListedCommand[] = [
  {
    usage: "train",
    description: "train a student with distillation, evaluate it and write its run folder",
    load: async () => (await import("./train/train.ts")).defineTrain,
  },
  {
    usage: "data",
    description: "inspect a data set, or write the built-in rig in the format of one",
    isGroup: true,
    load: async () => (await import("./data/data.ts")).defineData,
  },
  {
    usage: "teacher",
    description:
      "run a foundation model, fit a binning module to it, list the maps that a teacher needs, cache a teacher's maps",
    isGroup: true,
    load: async () => (await import("./teacher/teacher.ts")).defineTeacher,
  },
  {
    usage: "eval",
    description:
      "evaluate a student, a folder of predictions or a teacher against true depth: seven metrics per camera",
    load: async () => (await import("./predict/eval.ts")).defineEval,
  },
  {
    usage: "predict",
    description: "predict depth and write it as PNG, npy, PLY and panorama",
    load: async () => (await import("./predict/predict.ts")).definePredict,
  },
  {
    usage: "export <student>",
    description: "write a trained student as an ONNX model",
    load: async () => (await import("./export/export.ts")).defineExport,
  },
  {
    usage: "check [glob]",
    description: "check kernels, or a whole network, against their references on the CPU",
    load: async () => (await import("./check/check.ts")).defineCheck,
  },
  {
    usage: "profile [targets...]",
    description: "check and time kernels; show how close they come to the ceilings of this adapter",
    load: async () => (await import("./profile/profile.ts")).defineProfile,
  },
  {
    usage: "bench",
    description: "time the alternatives: levels of fusing in bins, relation and step; host code",
    isGroup: true,
    load: async () => (await import("./bench.ts")).defineBench,
  },
  {
    usage: "tune",
    description:
      "measure which kernels run the training step fastest on this adapter; save the choices",
    load: async () => (await import("./tune/tune.ts")).defineTune,
  },
  {
    usage: "ablate",
    description: "train every row at several seeds and compare it with supervision alone",
    load: async () => (await import("./ablate/ablate.ts")).defineAblate,
  },
  {
    usage: "graph",
    description: "print the plan of a step: dispatches, memory, what was fused and what was not",
    load: async () => (await import("./graph.ts")).defineGraph,
  },
  {
    usage: "doctor",
    description: "print the adapter, its limits, memory, timer, mappings and measured ceilings",
    load: async () => (await import("./doctor.ts")).defineDoctor,
  },
  {
    usage: "start",
    description: "demonstration: train nano on the built-in rig and write runs/start",
    load: async () => (await import("./train/start.ts")).defineStart,
  },
];
// These may end without a kernel; the table of shaders is then of no concern.
const MAY_NEED_NO_KERNEL = new Set(["data", "teacher"]);

const EXIT_CODES = `
Exit codes:
  0    success
  1    a gate or a cell of an ablation failed
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
      openGpu: async (options: GpuOptions): Promise<Gpu> => {
        await checkTable();
        return await surroundings.openGpu({
          ...options,
          ...(memoryBudget !== undefined && { memory_budget_bytes: memoryBudget }),
        });
      },
    },
    args,
    exit: (code: number) => {
      exitCode = code;
    },
  };
  program.hook("preAction", async () => {
    if (!MAY_NEED_NO_KERNEL.has(args[0])) await checkTable();
    const { RINGDEPTH_SHADERS: other = "" } = process.env;
    if (other !== "")
      stderr.write(`shaders are read from ${printable(other)} (RINGDEPTH_SHADERS)\n`);
  });
  try {
    await addCommands(program, context, COMMANDS);
    await program.parseAsync(helpAsOption(program, args), { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, stderr);
  }
}

/** Checks the table of shaders, with the kernels that it is for. */
async function checkTable(): Promise<void> {
  const { checkShaderTable } = await import("../kernels/check/shader_table.ts");
  checkShaderTable();
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

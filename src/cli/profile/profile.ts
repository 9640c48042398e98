// `ringdepth profile`: checks and times kernels or a whole step, and compares them with the
// adapter's ceilings and with an earlier profile. Its subcommands measure ceilings and read saved
// profiles.
import { profileTwo, profileTwoFiles } from "./pair.ts";
import { profileCeilings, type CeilingsOptions } from "./ceilings.ts";
import { isTable } from "../terminal/result.ts";
import type { Command } from "commander";
import { readRun, savedFile } from "../../measure/saved_run.ts";
import { InputError } from "../../tensor/error.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { CommandContext, Define } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { type ResultOptions, positiveNumber, wholeNumber } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import { matchingKernels } from "../../profile/kernel/matching.ts";
import { readSidecar } from "../../profile/outside/settings.ts";
import { readShaderText } from "../../profile/outside/subject.ts";
import { readData } from "../../profile/kernel/data.ts";
import { commandLine } from "../terminal/profile_page.ts";
import { fileSettings } from "./file_options.ts";
import { sweepFile } from "./file_sweep.ts";
import { initFiles } from "./file_targets.ts";
import { defineDump, printFileIr, printIr } from "./ir.ts";
import { briefTargets } from "../../profile/kernel/brief.ts";
import { profileBrief, profileBriefFiles } from "./brief.ts";
import { profileMode, type ProfileMode } from "./mode.ts";
import {
  addGateOptions,
  addHtmlOption,
  addProfileOptions,
  addResultOptions,
} from "./profile_options.ts";
import { compareSaved, listSaved, showSaved, type CompareOptions } from "./saved.ts";
import { profileStep } from "./step.ts";
import { profileSweep } from "./sweep.ts";
import { watchFiles, watchKernels } from "./watch.ts";
import { RUNS_FOLDER } from "../terminal/result_options.ts";
import type { ProfileRun } from "./run.ts";
import { profileFiles, profileKernels } from "./work.ts";
import type { Surroundings } from "../terminal/surroundings.ts";
import type { ProfileOptions } from "./request.ts";

const READER_MS = 500;
// With one of these, a profile writes more than its report.
const LEAVES = ["save", "output", "html", "trace", "apply"] as const;

/** Defines the command. */
export const defineProfile: Define = (program: Command, context: CommandContext) => {
  const command = program
    .command("profile")
    .configureHelp({ subcommandTerm: (one) => [one.name(), ...argumentNames(one)].join(" ") })
    .argument(
      "[targets...]",
      "kernels, such as 'conv2d*' (default: all), read from shaders/; FILE.wgsl from anywhere; or step:train or step:predict",
    )
    // Subcommands have options with the same names.
    .enablePositionalOptions();
  addProfileOptions(command);
  const { surroundings, args, exit } = context;
  command.action(async (targets: string[], options: ProfileOptions) => {
    const isReport = LEAVES.every((name) => options[name] === undefined);
    const isForPeople = isTable(options) && options.ir === undefined;
    const output = makeOutput(surroundings, !isForPeople, isReport);
    const mode = profileMode(targets, options);
    checkProfileFiles(options);
    await checkProfileInputs(mode, targets, options);
    if (mode.kind === "init") {
      // Nothing of it needs an adapter.
      exit(await initFiles({ output, options }, targets));
      return;
    }
    exit(
      await withGpu(
        surroundings,
        output,
        options.adapter,
        async (gpu) => {
          const run = { gpu, output, surroundings, options };
          return await carryOut(run, mode, targets, commandLine(args));
        },
        "beside",
      ),
    );
  });
  defineCeilings(command, context);
  defineSaved(command, context);
  defineDump(command, context);
};

/** Runs a command line; returns the exit code. */
async function carryOut(
  run: ProfileRun<ProfileOptions>,
  { kind, step, files }: ProfileMode,
  targets: readonly string[],
  command: string,
): Promise<number> {
  if (step !== null) return await profileStep(run, step, command);
  const { ab = [], ir = "wgsl" } = run.options;
  if (files) return await carryOutFiles(run, kind, targets, command);
  switch (kind) {
    case "ir":
      return await printIr(run, targets, ir);
    case "brief":
      return await profileBrief(run, await briefTargets(run.gpu, targets, run.options));
    case "sweep":
      return await profileSweep(run, targets);
    case "watch":
      endWithReader(run.surroundings);
      return await watchKernels(run, targets);
    case "ab":
      return await profileTwo(run, ab);
    default:
      return await profileKernels(run, targets, command);
  }
}

/** The same for shaders from anywhere. */
async function carryOutFiles(
  run: ProfileRun<ProfileOptions>,
  kind: ProfileMode["kind"],
  files: readonly string[],
  command: string,
): Promise<number> {
  const { ab = [], ir = "wgsl" } = run.options;
  switch (kind) {
    case "ir":
      return await printFileIr(run, files, ir);
    case "brief":
      return await profileBriefFiles(run, files);
    case "sweep":
      return await sweepFile(run, files);
    case "watch":
      endWithReader(run.surroundings);
      return await watchFiles(run, files);
    case "ab":
      return await profileTwoFiles(run, ab);
    default:
      return await profileFiles(run, files, command);
  }
}

/** Refuses outputs that cannot be written, before anything is measured. */
function checkProfileFiles({ output, html, trace, save, ...given }: ProfileOptions): void {
  const { runs = RUNS_FOLDER, data, config } = given;
  const saved = save === undefined ? undefined : savedFile(runs, save);
  checkOutputs(
    [
      { option: "-o", path: output },
      { option: "--html", path: html },
      { option: "--trace", path: trace },
      { option: "--save", path: saved, makesFolder: true },
    ],
    [
      { option: "--data", path: data },
      { option: "--config", path: config },
    ],
  );
}

/** Refuses unknown names and missing files before the adapter is opened. */
async function checkProfileInputs(
  { kind, step, files }: ProfileMode,
  targets: readonly string[],
  options: ProfileOptions,
): Promise<void> {
  const { ab = [], runs = RUNS_FOLDER, baseline, data } = options;
  if (step !== null) return;
  if (files) {
    for (const target of kind === "ab" ? ab : targets) {
      const { file } = await readShaderText(target);
      await readSidecar(file);
    }
    fileSettings(options);
  } else for (const glob of targets) matchingKernels(glob);
  if (kind === "ab" && ab.length !== 2) throw new InputError("--ab takes two kernels: --ab A B");
  if (!files) for (const name of ab) matchingKernels(name.split("@")[0]);
  if (baseline !== undefined) await readRun(runs, baseline);
  await readData({ data });
}

/**
 * Ends the process once nobody reads its output, because a watch otherwise ends only by a signal.
 */
function endWithReader({ stdout }: Surroundings): void {
  const look = (): void => {
    if (stdout.fault?.()) process.exit(EXIT.SIGPIPE);
  };
  setInterval(look, READER_MS).unref();
}

/** The arguments of a subcommand, as its help shows them. */
function argumentNames({ registeredArguments }: Command): string[] {
  return registeredArguments.map((argument) => `<${argument.name()}>`);
}

function defineCeilings(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("ceilings")
    .description(
      "measure the bandwidth and arithmetic rate of this adapter; the highest values are kept",
    )
    .option(
      "--repeat <n>",
      "measure this many times, interleaved; exit with code 1 if the results differ",
      wholeNumber("--repeat", 1),
    )
    .option(
      "--timeout <s>",
      "maximum seconds per measurement (default: 20; 240 on software adapters)",
      positiveNumber("--timeout"),
    )
    .option("--anew", "discard the ceilings measured before");
  addResultOptions(command, "ringdepth profile ceilings --repeat 2");
  command.action(async (options: CeilingsOptions) => {
    const output = makeOutput(surroundings, !isTable(options));
    checkOutputs([{ option: "-o", path: options.output }]);
    exit(
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        return await profileCeilings({ gpu, output, surroundings, options });
      }),
    );
  });
}

function defineSaved(parent: Command, { surroundings, exit }: CommandContext): void {
  const list = parent.command("list").description("list the saved profiles");
  addResultOptions(list, "ringdepth profile list", false);
  list.action(async (options: ResultOptions) => {
    await listSaved(surroundings, options);
  });
  const show = parent
    .command("show")
    .description("show a saved profile")
    .argument("<name>", "name of the profile");
  addResultOptions(
    addHtmlOption(show),
    "ringdepth profile show before\n  ringdepth profile show before --html before.html",
    false,
  );
  show.action(async (name: string, options: ResultOptions & { readonly html?: string }) => {
    await showSaved(surroundings, options, name);
  });
  const compare = parent
    .command("compare")
    .description("compare two saved profiles, kernel by kernel")
    .argument("<before>", "name of the earlier profile")
    .argument("<after>", "name of the later profile");
  addResultOptions(addGateOptions(compare), "ringdepth profile compare before after --gate", false);
  compare.action(async (before: string, after: string, options: CompareOptions) => {
    exit(await compareSaved(surroundings, options, before, after));
  });
}

// The GPU work of `ringdepth profile`: kernels one by one, two interleaved, or the ceilings.
import { availableParallelism } from "node:os";
import type { Gpu } from "../../gpu/device.ts";
import type { Roofline } from "../../measure/roofline.ts";
import { using, InterruptedError, prepareBench } from "../../measure/measure.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { closingLine } from "../../profile/kernel/closing_line.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { watchOthers } from "../../measure/other_load.ts";
import { stampCost_us } from "../../measure/instrumentation.ts";
import { remarks } from "../../measure/text.ts";
import {
  profileSubjects,
  subjectsOf,
  type Subject,
  type Target,
} from "../../measure/run_profile.ts";
import {
  compareRuns,
  missingRows,
  readRun,
  saveRun,
  SAVED_RUN_VERSION,
  type ProfileRow,
  type SavedRun,
} from "../../measure/saved_run.ts";
import type { RaceCheck } from "../../measure/race_check.ts";
import { summarize, type Summary } from "../../measure/summary.ts";
import { globPattern } from "../../profile/kernel/matching.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { adviceLines, adviceOn } from "../../profile/kernel/advice.ts";
import { shaderFacts } from "../../profile/kernel/shader_facts.ts";
import { fileSubjects, folderOf } from "./file_targets.ts";
import { writeProfilePage } from "../terminal/profile_page.ts";
import { ZEROS_WARNING } from "../../profile/kernel/data.ts";
import { measuredCosts, type CostChoice } from "../../profile/kernel/costs.ts";
import { judge, thresholdApart } from "../terminal/gate.ts";
import { interruptedLine, stoppable } from "../terminal/measure_stop.ts";
import { writeAll } from "../terminal/output_file.ts";
import { writeResult } from "../terminal/result.ts";
import { pacedProgress } from "../terminal/paced_progress.ts";
import { RUNS_FOLDER } from "../terminal/result_options.ts";
import type { ProfileRun } from "./run.ts";
import { environmentLine, explain, summaryCsv, summaryTable } from "../terminal/profile_table.ts";
import { chooseTargets } from "../../profile/kernel/targets.ts";
import { type ProfileOptions, settingsOf } from "./request.ts";
import { keptCeilings, knownCeilings } from "../../measure/known_ceilings.ts";

/** The rows that a command line requests. */
interface RequestedRows {
  readonly subjects: readonly Subject[];
  /** Whether a row of a baseline was requested too. */
  readonly wanted: (row: ProfileRow) => boolean;
  /** The folder whose commit the profile has; that of the program by default. */
  readonly folder?: string;
}

/** Profiles the kernels of `globs` for the command line `command`; returns the exit code. */
export async function profileKernels(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
  command: string,
): Promise<number> {
  return await profileRows(run, command, async () => {
    const targets = await chooseTargets(run.gpu, globs, run.options);
    return { subjects: subjectsOf(targets), wanted: wantedRow(globs, run, targets) };
  });
}

/** Profiles shaders from anywhere; returns the exit code. */
export async function profileFiles(
  run: ProfileRun<ProfileOptions>,
  files: readonly string[],
  command: string,
): Promise<number> {
  return await profileRows(run, command, async () => ({
    subjects: await fileSubjects(run, files),
    wanted: ({ kernel }) => files.includes(kernel),
    folder: folderOf(files),
  }));
}

async function profileRows(
  run: ProfileRun<ProfileOptions>,
  command: string,
  request: () => Promise<RequestedRows>,
): Promise<number> {
  return await stoppable(run.output, async ({ signal }) => {
    return await profileUntil(run, command, request, signal);
  });
}

async function profileUntil(
  run: ProfileRun<ProfileOptions>,
  command: string,
  request: () => Promise<RequestedRows>,
  signal: AbortSignal,
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { runs = RUNS_FOLDER, baseline } = options;
  const { threshold = thresholdApart(gpu.facts) } = options;
  // Faults of the command line are reported before anything is measured.
  const before = baseline === undefined ? null : await readRun(runs, baseline);
  const { subjects, wanted, folder } = await request();
  if (options.data === "zeros") output.warn(ZEROS_WARNING);
  const quantum_ns = await timerQuantum_ns(gpu);
  const environment = await describeEnvironment(gpu, quantum_ns, folder);
  const empty: SavedRun = {
    version: SAVED_RUN_VERSION,
    date: new Date().toISOString(),
    environment,
    rows: [],
  };
  if (before !== null) compareRuns(before, empty, threshold);
  const ceilings =
    options.ceilings === false
      ? await keptCeilings(run)
      : await knownCeilings(run, quantum_ns, signal, "; --no-ceilings skips this");
  const settings = settingsOf(options, 20);
  const bench = await prepareBench(gpu, quantum_ns, settings, options.hot !== true, signal);
  const most = `${settings.timeout_s} s per row and cache state`;
  output.progress(
    `measuring ${subjects.length} ${subjects.length === 1 ? "row" : "rows"}, at most ${most}`,
    true,
  );
  const others = watchOthers();
  const { profile, costs, instrumentation_us } = await using(bench, async () => {
    const rows = await profileSubjects(
      bench,
      subjects,
      options.cold !== true,
      pacedProgress(output),
    );
    return {
      profile: { ...empty, rows },
      costs: signal.aborted ? [] : await measuredCosts(bench, subjects, rows, costChoice(run)),
      instrumentation_us: signal.aborted ? undefined : await stampCost_us(gpu),
    };
  });
  const others_share = others();
  // The last row may have been complete when the signal came.
  const interrupted = profile.rows.length < subjects.length;
  if (interrupted && profile.rows.length === 0) throw new InterruptedError("interrupted");
  // A partial result never replaces a file.
  const { save, html, ...shown } = interrupted
    ? { ...options, save: undefined, html: undefined, output: undefined }
    : options;
  const against =
    before === null ? null : { name: baseline!, rows: compareRuns(before, profile, threshold) };
  const found = summarize(profile, ceilings, against);
  const summary: Summary = {
    ...found,
    rows: found.rows.map((row, i) => ({
      ...row,
      costs: costs[i] ?? null,
      ...adviceFor(run.gpu, subjects[i], row.roofline),
      ...racesOf(subjects[i]),
    })),
    ...(interrupted && { interrupted }),
    ...(before !== null &&
      !interrupted && {
        missing: missingRows(before, profile, wanted),
      }),
    ...(instrumentation_us !== undefined && { instrumentation_us }),
  };
  output.say(environmentLine(summary));
  for (const error of new Set(summary.rows.map((row) => row.error))) {
    if (error !== "") output.warn(error);
  }
  const gate = judge([...(against?.rows ?? []), ...(summary.missing ?? [])], options);
  await writeAll(
    async () =>
      await writeResult(surroundings, output, shown, {
        value: summary,
        table: summaryTable(summary),
        csv: summaryCsv(summary),
      }),
    async () => {
      if (interrupted) {
        output.say(interruptedLine(profile.rows.length, subjects.length, "rows"));
      }
      for (const line of remarks(summary, others_share)) output.say(line);
      output.say(closingLine(summary));
      for (const line of adviceLines(summary)) output.say(line);
      if (options.explain === true) for (const line of explain(summary)) output.say(line);
      if (before !== null) for (const line of gate.lines) output.say(line);
      if (save !== undefined) output.say(`saved ${await saveRun(runs, save, profile)}`);
    },
    async () =>
      await writeProfilePage(output, html, { ...summary, summary, run: profile, command }),
  );
  if (summary.rows.some(({ ok }) => !ok)) return EXIT.wrong;
  return gate.failed ? EXIT.gate : EXIT.fine;
}

function racesOf({ races }: Subject): { readonly races?: RaceCheck } {
  const found = races?.() ?? null;
  return found === null ? {} : { races: found };
}

/** The advice on a row; none for one without a place under the ceilings. */
function adviceFor(
  { facts, limits }: Gpu,
  subject: Subject,
  roofline: Roofline | null,
): { readonly advice?: string } {
  const dispatched = roofline === null ? null : subject.dispatched(facts);
  if (dispatched === null) return {};
  const adapter = {
    software: facts.software,
    cores: availableParallelism(),
    workgroup_storage_bytes: limits.maxComputeWorkgroupStorageSize,
  };
  return { advice: adviceOn(roofline, shaderFacts(dispatched), adapter) };
}

/** The costs that `--no-robustness` and `--skip-validation` ask for. */
function costChoice({
  output,
  surroundings,
  options: { robustness = true, skipValidation = false, adapter },
}: ProfileRun<ProfileOptions>): CostChoice {
  return {
    robustness: !robustness,
    validation: skipValidation,
    open: async (toggle) =>
      await surroundings.openGpu({
        validation: true,
        toggles: [toggle],
        ...(adapter !== undefined && { adapter }),
      }),
    warn: output.warn,
    progress: (line) => output.progress(line, false),
  };
}

/** Whether a row of a baseline was requested in this profile. */
function wantedRow(
  globs: readonly string[],
  { options }: ProfileRun<ProfileOptions>,
  targets: readonly Target[],
): (row: ProfileRow) => boolean {
  const profiled = new Set(targets.map(({ kernel }) => kernel.shader.name));
  const patterns = globs.map(globPattern);
  return ({ kernel, case: name }) =>
    (globs.length === 0 || profiled.has(kernel) || patterns.some((one) => one.test(kernel))) &&
    name.includes(options.case ?? "");
}

// `ringdepth profile --ab`: two kernels timed interleaved.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { InterruptedError, prepareBench, using } from "../../measure/measure.ts";
import { pairSubjects, subjectsOf, type PairRow, type Subject } from "../../measure/run_profile.ts";
import { watchOthers } from "../../measure/other_load.ts";
import { summarizeTiming } from "../../measure/summary.ts";
import { intervalText, loadRemark, timeText, verdictText } from "../../measure/text.ts";
import { ZEROS_WARNING } from "../../profile/kernel/data.ts";
import { choosePair } from "../../profile/kernel/targets.ts";
import { readShaderText } from "../../profile/outside/subject.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { interruptedLine, stoppable } from "../terminal/measure_stop.ts";
import { writeResult } from "../terminal/result.ts";
import { fileSubject, folderOf, sayAssumed } from "./file_targets.ts";
import { pacedProgress } from "../terminal/paced_progress.ts";
import { THRESHOLD } from "../terminal/gate.ts";
import type { ProfileRun } from "./run.ts";
import type { Table } from "../terminal/table.ts";
import { type ProfileOptions, settingsOf } from "./request.ts";

/** The two sides of each comparison. */
type Pairs = readonly (readonly [Subject, Subject])[];

/** Times two kernels interleaved; returns the exit code. */
export async function profileTwo(
  run: ProfileRun<ProfileOptions>,
  names: readonly string[],
): Promise<number> {
  const { kernels, problems } = await choosePair(run.gpu, names, run.options);
  const [first, second] = kernels.map((kernel) =>
    subjectsOf(problems.map((problem) => ({ ...kernel, problem }))),
  );
  const pairs = first.map((a, i) => [a, second[i]] as const);
  return await stoppable(
    run.output,
    async ({ signal }) => await timePairs(run, names, pairs, signal),
  );
}

/** Times two shaders from anywhere interleaved; returns the exit code. */
export async function profileTwoFiles(
  run: ProfileRun<ProfileOptions>,
  names: readonly string[],
): Promise<number> {
  const [a, b] = await Promise.all(names.map(readShaderText));
  const first = await fileSubject(run, a, b.file);
  sayAssumed(run, first);
  const pairs = [[first, await fileSubject(run, b, a.file)] as const];
  const folder = folderOf(names);
  return await stoppable(
    run.output,
    async ({ signal }) => await timePairs(run, names, pairs, signal, folder),
  );
}

async function timePairs(
  { gpu, output, surroundings, options }: ProfileRun<ProfileOptions>,
  names: readonly string[],
  pairs: Pairs,
  signal: AbortSignal,
  folder?: string,
): Promise<number> {
  const { threshold = THRESHOLD } = options;
  if (options.data === "zeros") output.warn(ZEROS_WARNING);
  const quantum_ns = await timerQuantum_ns(gpu);
  const bench = await prepareBench(gpu, quantum_ns, settingsOf(options, 100), false, signal);
  const others = watchOthers();
  const rows = await using(bench, async () =>
    pairSubjects(bench, pairs, threshold, pacedProgress(output)),
  );
  const others_share = others();
  const interrupted = rows.length < pairs.length;
  if (interrupted && rows.length === 0) throw new InterruptedError("interrupted");
  for (const { error } of rows) if (error !== "") output.warn(error);
  const table = pairTable(names, rows);
  const environment = await describeEnvironment(gpu, quantum_ns, folder);
  const open = rows.some(({ timing }) => timing?.comparison.verdict === "AMBIGUOUS");
  // A partial result never replaces a file.
  const shown = interrupted ? { ...options, output: undefined } : options;
  await writeResult(surroundings, output, shown, {
    value: {
      environment,
      a: names[0],
      b: names[1],
      threshold,
      rows: rows.map(pairValue),
      ...(interrupted && { interrupted }),
    },
    table,
    csv: table,
    notes: [
      ...(interrupted ? [interruptedLine(rows.length, pairs.length, "rows")] : []),
      ...(open ? loadRemark(environment, others_share) : []),
    ],
  });
  if (rows.some(({ error }) => error !== "")) return EXIT.wrong;
  const slow = rows.some(({ timing }) => timing?.comparison.verdict === "SLOW");
  return options.gate === true && slow ? EXIT.gate : EXIT.fine;
}

function pairTable(names: readonly string[], rows: readonly PairRow[]): Table {
  return {
    head: ["case", `A ${names[0]}`, `B ${names[1]}`, "pairs", "B against A", "verdict"],
    rows: rows.map(({ case: name, unchecked, timing }) => {
      if (timing === null) return [name, "WRONG", "", "", "", ""];
      const { a, b, comparison } = timing;
      const mark = unchecked ? " unchecked" : "";
      const times = [a, b].map((t) => `${timeText(summarizeTiming(t).median_ms)}${mark}`);
      const pairs = String(a.samples_ms.length);
      const verdict = a.trusted && b.trusted ? verdictText(comparison) : "? too short";
      return [name, ...times, pairs, intervalText(comparison.change), verdict];
    }),
  };
}

function pairValue({ case: name, error, unchecked, timing }: PairRow): unknown {
  if (timing === null) return { case: name, ok: false, error };
  const { a, b, comparison } = timing;
  const side = (t: typeof a): unknown => ({ ...summarizeTiming(t), samples_ms: t.samples_ms });
  const checked = unchecked ? { unchecked } : {};
  return { case: name, ok: true, error, ...checked, a: side(a), b: side(b), ...comparison };
}

// `ringdepth profile --watch`: whenever a shader or one of its snippets is saved, compiles and
// checks it, and times it interleaved with its version at the start. Ends by a signal.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { shaderText } from "../../engine/shader_text.ts";
import { prepareBench, type Bench, type MeasureSettings } from "../../measure/measure.ts";
import { intervalText, timeText, verdictText } from "../../measure/text.ts";
import {
  pairSubjects,
  profileSubjects,
  subjectsOf,
  type PairRow,
  type Subject,
} from "../../measure/run_profile.ts";
import { kernelWith } from "../../measure/shader_source.ts";
import { estimate } from "../../measure/statistics.ts";
import { changedFiles, changedShaders, type ChangedShader } from "../../profile/kernel/watch.ts";
import { InputError } from "../../tensor/error.ts";
import { isTerminal } from "../terminal/output.ts";
import { chooseTargets } from "../../profile/kernel/targets.ts";
import { fileSubject, fileSubjects } from "./file_targets.ts";
import type { ProfileRun } from "./run.ts";
import type { ProfileOptions } from "./request.ts";
import { tableLines } from "../terminal/table.ts";
import type { TextStream } from "../terminal/surroundings.ts";

// The first number should appear within a second of the save.
const TIME_S = 0.2;
const PAIRS = 25;
const TIMEOUT_S = 1;
const THRESHOLD = 0.03;
const UNCHECKED = " unchecked";

const HEAD = ["kernel", "case", "at start", "now", "change [95 %]", "verdict"];

/** A line of the table: one kernel and problem as they were at the start, and as they are now. */
interface WatchedRow {
  /** The shader or file whose changes concern it. */
  readonly source: string;
  readonly start: Subject;
  readonly now: (code: string) => Promise<Subject>;
}

/** The rows of a watch, and where their texts come from. */
interface Watched {
  readonly rows: readonly WatchedRow[];
  readonly changes: AsyncIterable<ChangedShader>;
  readonly place: string;
}

/** Times the kernels of `globs` and then, on every save, those that changed; never returns. */
export async function watchKernels(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
): Promise<never> {
  const targets = await chooseTargets(run.gpu, globs, run.options);
  const starts = subjectsOf(targets);
  const texts = targets.map(({ kernel: { shader } }) => [shader.name, shaderText(shader)] as const);
  const rows = targets.map(({ kernel, problem }, i): WatchedRow => ({
    source: kernel.shader.name,
    start: starts[i],
    now: async (code) => {
      const [changed] = subjectsOf([{ ...kernelWith(kernel, code), problem }]);
      return await Promise.resolve(changed);
    },
  }));
  return await watch(run, { rows, changes: changedShaders(new Map(texts)), place: "shaders/" });
}

/** The same for shaders from anywhere. */
export async function watchFiles(
  run: ProfileRun<ProfileOptions>,
  files: readonly string[],
): Promise<never> {
  const starts = await fileSubjects(run, files);
  const rows = files.map((file, i): WatchedRow => ({
    source: file,
    start: starts[i],
    now: async (code) => await fileSubject(run, { file, code, label: file }),
  }));
  const texts = starts.map((start, i) => [files[i], start.text()] as const);
  return await watch(run, { rows, changes: changedFiles(new Map(texts)), place: files.join(", ") });
}

async function watch(
  { gpu, surroundings, options }: ProfileRun<ProfileOptions>,
  { rows, changes, place }: Watched,
): Promise<never> {
  const { time = TIME_S, minSamples = PAIRS, noise = 0.01, timeout = TIMEOUT_S } = options;
  const { threshold = THRESHOLD } = options;
  const settings: MeasureSettings = {
    time_s: Math.min(time, timeout),
    min_samples: minSamples,
    noise,
    timeout_s: timeout,
  };
  const watching = `watching ${place}; press Ctrl-C to stop`;
  const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), settings, false);
  const { cells, errors } = await startCells(bench, rows);
  const draw = drawer(surroundings.stdout);
  const lines = (): string[] => tableLines({ head: HEAD, rows: cells }, "table");
  draw([...lines(), ...errors, watching]);
  for await (const { stem, code, pasted } of changes) {
    const started = performance.now();
    const faults = new Set<string>();
    for (const [i, row] of rows.entries()) {
      if (row.source !== stem) continue;
      const { error, cells: own } = await changedCells(bench, row, code, threshold);
      if (error !== "") faults.add(error);
      if (own !== null) cells[i] = own;
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const last = faults.size > 0 ? "; the numbers are from its last good version" : "";
    const tried = `${stem} tried in ${seconds} s${last}`;
    draw([...lines(), ...faults, tried, ...pastedLine(pasted), watching]);
  }
  throw new Error(`the watch of ${place} ended`);
}

async function startCells(
  bench: Bench,
  rows: readonly WatchedRow[],
): Promise<{ readonly cells: string[][]; readonly errors: readonly string[] }> {
  const starts = rows.map(({ start }) => start);
  const profiled = await profileSubjects(bench, starts, true, () => undefined);
  const cells = profiled.map(({ kernel, case: name, checked, hot }) => {
    const mark = checked === "none" ? UNCHECKED : "";
    const time = hot === null ? "WRONG" : `${timeText(estimate(hot.samples_ms).median)}${mark}`;
    return [kernel, name, time, "", "", ""];
  });
  const errors = new Set(profiled.map(({ error }) => error).filter((error) => error !== ""));
  return { cells, errors: [...errors] };
}

function pastedLine(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const files = names.map((name) => `shaders/lib/${name}.wgsl`).join(", ");
  return [`with ${files} as edited; npm run shaders pastes it into the shaders`];
}

/**
 * Times the new text of a row, interleaved with the one at the start. If it has a fault, there are
 * no cells, and the numbers of the last good text stay.
 */
async function changedCells(
  bench: Bench,
  { start, now }: WatchedRow,
  code: string,
  threshold: number,
): Promise<{ readonly error: string; readonly cells: string[] | null }> {
  let subject: Subject;
  try {
    subject = await now(code);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { error: error.message, cells: null };
  }
  const [pair] = await pairSubjects(bench, [[start, subject]], threshold, () => undefined);
  if (pair.timing === null) return { error: pair.error, cells: null };
  const mark = pair.unchecked ? UNCHECKED : "";
  return { error: "", cells: [start.kernel, ...timedCells(start.case, pair.timing, mark)] };
}

function timedCells(
  name: string,
  { a, b, comparison }: NonNullable<PairRow["timing"]>,
  mark: string,
): string[] {
  const [start, now] = [a, b].map((t) => `${timeText(estimate(t.samples_ms).median)}${mark}`);
  const verdict = a.trusted && b.trusted ? verdictText(comparison) : "? too short";
  return [name, start, now, intervalText(comparison.change), verdict];
}

/** Draws lines: on a terminal it overwrites the previous ones, elsewhere it appends. */
function drawer(stream: TextStream): (lines: readonly string[]) => void {
  let drawn = 0;
  return (lines) => {
    const all = lines.flatMap((line) => line.split("\n"));
    if (isTerminal(stream)) {
      const up = drawn > 0 ? `\u001b[${drawn}A\r\u001b[J` : "";
      // Without wrapping, the screen has as many lines as were written.
      stream.write(`${up}\u001b[?7l${all.join("\n")}\n\u001b[?7h`);
      drawn = all.length;
    } else {
      stream.write(`${all.join("\n")}\n`);
    }
  };
}

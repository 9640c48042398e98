// `ringdepth profile --watch`: whenever a shader or one of its snippets is saved, compiles and
// checks it, and times it interleaved with its version at the start. Ends by a signal.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { shaderText } from "../../engine/shader_text.ts";
import { prepareBench, type Bench, type MeasureSettings } from "../../measure/measure.ts";
import { intervalText, timeText, verdictText } from "../../measure/text.ts";
import {
  profilePair,
  profileTargets,
  type PairRow,
  type Target,
} from "../../measure/run_profile.ts";
import { kernelWith } from "../../measure/shader_source.ts";
import { estimate } from "../../measure/statistics.ts";
import { changedShaders } from "../../profile/kernel/watch.ts";
import { isTerminal } from "../terminal/output.ts";
import { chooseTargets } from "../../profile/kernel/targets.ts";
import type { ProfileRun } from "./run.ts";
import type { ProfileOptions } from "./request.ts";
import { tableLines } from "../terminal/table.ts";
import type { TextStream } from "../terminal/surroundings.ts";

// The first number should appear within a second of the save.
const TIME_S = 0.2;
const PAIRS = 25;
const TIMEOUT_S = 1;
const THRESHOLD = 0.03;

const WATCHING = "watching shaders/; press Ctrl-C to stop";
const HEAD = ["kernel", "case", "at start", "now", "change [95 %]", "verdict"];

/** A line of the table: the time of one kernel and problem at the start, and now. */
interface WatchedRow {
  readonly target: Target;
  cells: readonly string[];
}

/** Times the kernels of `globs` and then, on every save, those that changed; never returns. */
export async function watchKernels(
  { gpu, surroundings, options }: ProfileRun<ProfileOptions>,
  globs: readonly string[],
): Promise<never> {
  const { time = TIME_S, minSamples = PAIRS, noise = 0.01, timeout = TIMEOUT_S } = options;
  const { threshold = THRESHOLD } = options;
  const settings: MeasureSettings = {
    time_s: Math.min(time, timeout),
    min_samples: minSamples,
    noise,
    timeout_s: timeout,
  };
  const targets = await chooseTargets(gpu, globs, options);
  const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), settings, false);
  const texts = targets.map(({ kernel: { shader } }) => [shader.name, shaderText(shader)] as const);
  const { rows, errors } = await startRows(bench, targets);
  const draw = drawer(surroundings.stdout);
  const lines = (): string[] =>
    tableLines({ head: HEAD, rows: rows.map(({ cells }) => cells) }, "table");
  draw([...lines(), ...errors, WATCHING]);
  for await (const { stem, code, pasted } of changedShaders(new Map(texts))) {
    const started = performance.now();
    const own = rows.filter(({ target }) => target.kernel.shader.name === stem);
    const faults = await timeChanged(bench, own, code, threshold);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const last = faults.length > 0 ? "; the numbers are from its last good version" : "";
    const tried = `${stem} tried in ${seconds} s${last}`;
    draw([...lines(), ...faults, tried, ...pastedLine(pasted), WATCHING]);
  }
  throw new Error("the watch of shaders/ ended");
}

async function startRows(
  bench: Bench,
  targets: readonly Target[],
): Promise<{ readonly rows: readonly WatchedRow[]; readonly errors: readonly string[] }> {
  const profiled = await profileTargets(bench, targets, true, () => undefined);
  const rows = targets.map((target, i): WatchedRow => {
    const { kernel, case: name, hot } = profiled[i];
    const time = hot === null ? "WRONG" : timeText(estimate(hot.samples_ms).median);
    return { target, cells: [kernel, name, time, "", "", ""] };
  });
  const errors = new Set(profiled.map(({ error }) => error).filter((error) => error !== ""));
  return { rows, errors: [...errors] };
}

function pastedLine(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const files = names.map((name) => `shaders/lib/${name}.wgsl`).join(", ");
  return [`with ${files} as edited; npm run shaders pastes it into the shaders`];
}

/**
 * Times the new text of a shader on its problems, interleaved with the one at the start, and
 * updates the rows. A fault is returned; the numbers of the last good text then stay.
 */
async function timeChanged(
  bench: Bench,
  rows: readonly WatchedRow[],
  code: string,
  threshold: number,
): Promise<string[]> {
  const faults = new Set<string>();
  for (const row of rows) {
    const { kernel, problem, fault } = row.target;
    const sides = [{ kernel, fault }, kernelWith(kernel, code)] as const;
    const [pair] = await profilePair(bench, sides, [problem], threshold, () => undefined);
    if (pair.timing === null) faults.add(pair.error);
    else row.cells = [kernel.shader.name, ...timedCells(problem.name, pair.timing)];
  }
  return [...faults];
}

function timedCells(name: string, { a, b, comparison }: NonNullable<PairRow["timing"]>): string[] {
  const [start, now] = [a, b].map((t) => timeText(estimate(t.samples_ms).median));
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

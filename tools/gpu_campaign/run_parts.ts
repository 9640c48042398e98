// Runs parts of a campaign one after the other, each in a process of its own within its time.
import { spawn } from "node:child_process";
import type { Part } from "./parts.ts";

/** The result of one part. */
export interface PartResult {
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly status: "done" | "failed" | "out of time" | "not begun";
  readonly time_s: number;
  /** Why it is not done: its exit code and its last line; empty if it is done. */
  readonly reason: string;
  /** The values that it printed, one per line or one in all. */
  readonly values: readonly unknown[];
}

/** A campaign and the results that it has so far. */
export interface Campaign {
  readonly date: string;
  readonly quick: boolean;
  readonly budget_s: number;
  readonly parts: readonly PartResult[];
}

// A process that does not end when asked to is ended.
const GRACE_MS = 3000;
const MOST_CHARACTERS = 2 ** 26;
// Less than this is not enough for any part.
const LEAST_S = 2;

/**
 * Runs all parts within `budget_s`, and gives the campaign to `keep` after each. The last part may
 * take all the time that is left.
 */
export async function runParts(
  parts: readonly Part[],
  settings: Omit<Campaign, "parts">,
  keep: (campaign: Campaign) => Promise<void>,
  say: (line: string) => void,
): Promise<Campaign> {
  const end_ms = performance.now() + 1000 * settings.budget_s;
  const results: PartResult[] = parts.map((part) => ({
    ...describe(part),
    status: "not begun",
    time_s: 0,
    reason: "no time was left",
    values: [],
  }));
  for (const [i, part] of parts.entries()) {
    const left_s = (end_ms - performance.now()) / 1000;
    const isLast = i === parts.length - 1;
    const budget_s = isLast ? left_s : Math.min(part.budget_s, left_s);
    if (budget_s >= LEAST_S) {
      say(`${i + 1}/${parts.length} ${part.title}, at most ${budget_s.toFixed(0)} s`);
      results[i] = await runPart(part, budget_s);
      say(`  ${results[i].status} in ${results[i].time_s.toFixed(1)} s ${results[i].reason}`);
    }
    await keep({ ...settings, parts: results });
  }
  return { ...settings, parts: results };
}

function describe({ name, title, command }: Part): Pick<PartResult, "name" | "title" | "command"> {
  return { name, title, command: command.join(" ") };
}

async function runPart(part: Part, budget_s: number): Promise<PartResult> {
  const begin_ms = performance.now();
  const { code, output, errors, isLate } = await outputOf(part, budget_s);
  const isDone = code === 0 && !isLate;
  const last = errors.trim().split("\n").at(-1) ?? "";
  return {
    ...describe(part),
    status: isLate ? "out of time" : isDone ? "done" : "failed",
    time_s: (performance.now() - begin_ms) / 1000,
    reason: isDone ? "" : `${isLate ? "" : `exit code ${code}: `}${last}`,
    values: printedValues(output),
  };
}

interface Output {
  readonly code: number | string;
  readonly output: string;
  readonly errors: string;
  readonly isLate: boolean;
}

async function outputOf({ command, input }: Part, budget_s: number): Promise<Output> {
  const [file, ...words] = command;
  return await new Promise((resolve) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(file === "node" ? process.execPath : file, words, { detached: true });
    let [output, errors, isLate] = ["", "", false];
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended.
      }
    };
    const timers: NodeJS.Timeout[] = [];
    const late = (): void => {
      isLate = true;
      end("SIGTERM");
      timers.push(setTimeout(end, GRACE_MS, "SIGKILL"));
    };
    timers.push(setTimeout(late, 1000 * budget_s));
    child.stdout.on("data", (text: Buffer) => {
      output = (output + text.toString()).slice(0, MOST_CHARACTERS);
    });
    child.stderr.on("data", (text: Buffer) => {
      errors = (errors + text.toString()).slice(-4000);
    });
    const close = (code: number | string): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, output, errors, isLate });
    };
    child.on("error", (error) => {
      errors += error.message;
      close("none");
    });
    child.on("close", (code, signal) => {
      close(code ?? signal ?? "none");
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
  });
}

/** One JSON text, or one per line; lines that are none, such as a cut last one, are left out. */
export function printedValues(output: string): unknown[] {
  const parsed = (text: string): unknown[] => {
    try {
      return [JSON.parse(text) as unknown];
    } catch {
      return [];
    }
  };
  const whole = parsed(output);
  return whole.length > 0 ? whole : output.split("\n").flatMap(parsed);
}

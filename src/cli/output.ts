// How commands speak: lines for people, one progress line on a terminal, and JSON, which has stdout
// to itself where it is asked for.
import { jsonText } from "./json_text.ts";
import type { Surroundings } from "./surroundings.ts";

/** The voice of one command. */
export interface Output {
  /** A line for people, on stdout, or on stderr where stdout is for JSON. */
  readonly say: (line: string) => void;
  /** A line for people, in red on a terminal that shows colours. */
  readonly alert: (line: string) => void;
  /** A line about something that is not as it should be, on stderr. */
  readonly warn: (line: string) => void;
  /**
   * How far long work has come: on a terminal in place of the line before, elsewhere as a plain
   * line and only at milestones.
   */
  readonly progress: (line: string, milestone: boolean) => void;
  /** The result: `value` as JSON where that is asked for, else `lines`. */
  readonly result: (value: unknown, lines: readonly string[]) => void;
}

// Back to the first column, and clear from there to the end of the line.
const REWRITE = "\r\u001b[K";
const RED = "\u001b[31m";
const PLAIN = "\u001b[39m";

/** The output of a command run with or without `--json`. */
export function makeOutput(surroundings: Surroundings, json: boolean): Output {
  const { stdout, stderr } = surroundings;
  const people = json ? stderr : stdout;
  let showsProgress = false;
  const clear = (): void => {
    if (showsProgress) people.write(REWRITE);
    showsProgress = false;
  };
  const say = (line: string): void => {
    clear();
    people.write(`${line}\n`);
  };
  const { NO_COLOR = "" } = process.env; // no-color.org
  const red = people.isTTY === true && NO_COLOR === "";
  return {
    say,
    alert: (line) => say(red ? `${RED}${line}${PLAIN}` : line),
    warn: (line) => {
      clear();
      stderr.write(`ringdepth: ${line}\n`);
    },
    progress: (line, milestone) => {
      if (people.isTTY === true) {
        people.write(`${REWRITE}${line}`);
        showsProgress = true;
      } else if (milestone) {
        people.write(`${line}\n`);
      }
    },
    result: (value, lines) => {
      clear();
      if (json) stdout.write(`${jsonText(value)}\n`);
      else for (const line of lines) say(line);
    },
  };
}

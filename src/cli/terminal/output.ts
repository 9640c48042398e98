// How commands speak: lines for people, one progress line on a terminal, and JSON, which has stdout
// to itself where it is asked for.
import { escapeControls } from "../../tensor/printable.ts";
import { jsonText } from "./json_text.ts";
import type { TextStream } from "./text_stream.ts";
import type { Surroundings } from "./surroundings.ts";
import { cutToWidth } from "./text_width.ts";

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

/** Nobody can receive the report that a command is about to make, so that it need not be made. */
export class LostReaderError extends Error {
  override name = "LostReaderError";
}

// Back to the first column, and clear from there to the end of the line.
const REWRITE = "\r\u001b[K";
const RED = "\u001b[31m";
const PLAIN = "\u001b[39m";
// Where a terminal does not tell its width.
const COLUMNS = 80;

/**
 * The output of a command run with or without `--json`. A command that leaves nothing but its report
 * passes `report`: its methods throw LostReaderError once stdout takes no more text.
 */
export function makeOutput(surroundings: Surroundings, json: boolean, report = false): Output {
  const { stdout, stderr } = surroundings;
  const people = json ? stderr : stdout;
  let showsProgress = false;
  const expectReader = (): void => {
    if (report && stdout.fault?.()) throw new LostReaderError("stdout takes no more text");
  };
  if (report) {
    stdout.probe?.();
    expectReader();
  }
  const clear = (): void => {
    if (showsProgress) people.write(REWRITE);
    showsProgress = false;
  };
  const say = (line: string): void => {
    expectReader();
    clear();
    people.write(`${escapedLines(line)}\n`);
  };
  const { NO_COLOR = "" } = process.env; // no-color.org
  const red = isTerminal(people) && NO_COLOR === "";
  return {
    say,
    alert: (line) => {
      if (!red) return say(line);
      expectReader();
      clear();
      people.write(`${RED}${escapedLines(line)}${PLAIN}\n`);
    },
    warn: (line) => {
      clear();
      stderr.write(`ringdepth: ${escapedLines(line)}\n`);
    },
    progress: (line, milestone) => {
      expectReader();
      const text = escapeControls(line);
      if (isTerminal(people)) {
        // A line that reaches the last column wraps on some terminals, and could not be rewritten.
        people.write(`${REWRITE}${cutToWidth(text, (people.columns || COLUMNS) - 1)}`);
        showsProgress = true;
      } else if (milestone) {
        people.write(`${text}\n`);
      }
    },
    result: (value, lines) => {
      expectReader();
      clear();
      if (json) stdout.write(`${jsonText(value)}\n`);
      else for (const line of lines) say(line);
    },
  };
}

/** Whether a stream is a terminal that can rewrite a line and show colours. */
export function isTerminal(stream: TextStream): boolean {
  return stream.isTTY === true && process.env["TERM"] !== "dumb";
}

/** Text that may have several lines, each without control characters. */
function escapedLines(text: string): string {
  return text.split("\n").map(escapeControls).join("\n");
}

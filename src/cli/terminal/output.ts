// The output of commands: lines for people, one progress line on a terminal, and JSON, which if
// requested is the only text on stdout.
import { escapeControls } from "../../tensor/printable.ts";
import { jsonText } from "./json_text.ts";
import {
  LostReaderError,
  type Output,
  type Surroundings,
  type TextStream,
} from "./surroundings.ts";
import { cutToWidth } from "./text_width.ts";

// Back to the first column, and clear from there to the end of the line.
const REWRITE = "\r\u001b[K";
const RED = "\u001b[31m";
const PLAIN = "\u001b[39m";
// Used if a terminal does not report its width.
const COLUMNS = 80;

/**
 * The output of a command run with or without `--json`. A command whose only result is its report
 * passes `report`: the methods then throw LostReaderError once stdout accepts no more text.
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

// Text that came from a file or a file name, made fit for a terminal, a log line or an error.

// C0 and C1 control characters, line and paragraph separators, and the marks that turn the
// direction of text: each can move the cursor, forge a line or hide what follows.
const UNPRINTABLE =
  // oxlint-disable-next-line eslint/no-control-regex -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The longest text that `printable` gives, in UTF-16 units. */
export const PRINTABLE_LENGTH = 2000;

/**
 * `text` on one line without control characters: line breaks become a space, every other control
 * character its escape (`\u001b`). What is longer than 2,000 units loses its middle.
 */
export function printable(text: string): string {
  const line = escapeControls(text.trim().replace(/\s*[\r\n\u2028\u2029]\s*/g, " "));
  if (line.length <= PRINTABLE_LENGTH) return line;
  const half = PRINTABLE_LENGTH / 2 - 3;
  return `${line.slice(0, half)} ... ${line.slice(-half)}`;
}

/** `text` with every control character, line breaks too, as its escape; tabs become spaces. */
export function escapeControls(text: string): string {
  return text
    .replace(/\t/g, " ")
    .replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

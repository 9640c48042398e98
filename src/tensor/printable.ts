// Makes text from a file or a file name safe for a terminal, a log line or an error.

// C0 and C1 control characters, line and paragraph separators, and marks that change text
// direction: each can move the cursor, forge a line or hide what follows.
const UNPRINTABLE =
  // oxlint-disable-next-line eslint/no-control-regex -- the pattern looks for control characters
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Maximum length of the result of `printable`, in UTF-16 units. */
export const PRINTABLE_LENGTH = 2000;

/**
 * `text` on one line without control characters: a line break becomes a space, any other control
 * character its escape (`\u001b`). The middle of a text longer than 2,000 units is left out.
 */
export function printable(text: string): string {
  const line = escapeControls(text.trim().replace(/\s*[\r\n\u2028\u2029]\s*/g, " "));
  if (line.length <= PRINTABLE_LENGTH) return line;
  const half = PRINTABLE_LENGTH / 2 - 3;
  return `${line.slice(0, half)} ... ${line.slice(-half)}`;
}

/**
 * `text` with every control character replaced by its escape, including line breaks; tabs become
 * spaces.
 */
export function escapeControls(text: string): string {
  return text
    .replace(/\t/g, " ")
    .replace(UNPRINTABLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

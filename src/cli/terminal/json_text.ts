// JSON as commands print it: numbers that JSON lacks become words, never null, and no name can move
// the cursor or change the text direction.
import { escapeControls } from "../../tensor/printable.ts";

/**
 * A value as indented JSON; infinities and NaN as the strings "Infinity", "-Infinity", "NaN". Every
 * control character of a string is escaped, including those that JSON would allow.
 */
export function jsonText(value: unknown): string {
  const word = (_: string, one: unknown): unknown =>
    typeof one === "number" && !Number.isFinite(one) ? String(one) : one;
  const lines = JSON.stringify(value, word, 2).split("\n");
  return lines.map(escapeControls).join("\n");
}

// JSON as commands print it: what JSON has no number for becomes a word, never null, and no name
// moves a cursor or turns text round.
import { escapeControls } from "../../tensor/printable.ts";

/**
 * A value as indented JSON; infinities and NaN as the strings "Infinity", "-Infinity", "NaN". Every
 * control character of a text is an escape, also those that JSON would let through.
 */
export function jsonText(value: unknown): string {
  const word = (_: string, one: unknown): unknown =>
    typeof one === "number" && !Number.isFinite(one) ? String(one) : one;
  const lines = JSON.stringify(value, word, 2).split("\n");
  return lines.map(escapeControls).join("\n");
}

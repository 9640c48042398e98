// JSON as commands print it: what JSON has no number for becomes a word, never null.

/** A value as indented JSON; infinities and NaN as the strings "Infinity", "-Infinity", "NaN". */
export function jsonText(value: unknown): string {
  const word = (_: string, one: unknown): unknown =>
    typeof one === "number" && !Number.isFinite(one) ? String(one) : one;
  return JSON.stringify(value, word, 2);
}

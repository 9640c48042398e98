// The result of a profile command in the format asked for, on stdout or in a file.
import { writeFileAtomically } from "../formats/atomic_file.ts";
import type { Output } from "./output.ts";
import type { ResultOptions } from "./profile.ts";
import { tableLines, type Table } from "./profile_table.ts";
import type { Surroundings } from "./surroundings.ts";

/** One result in the shapes that formats draw. */
export interface Result {
  readonly value: unknown;
  readonly table: Table;
  readonly csv: Table;
  /** Lines under the table of people; JSON and CSV have what they say in their values. */
  readonly notes?: readonly string[];
}

/** Writes a result; the file of `--output` holds nothing else. */
export async function writeResult(
  { stdout }: Surroundings,
  output: Output,
  { json, format: asked, output: file }: Pick<ResultOptions, "json" | "format" | "output">,
  { value, table, csv, notes = [] }: Result,
): Promise<void> {
  const format = json === true ? "json" : (asked ?? "table");
  const lines =
    format === "json"
      ? [JSON.stringify(value, null, 2)]
      : tableLines(format === "csv" ? csv : table, format);
  if (format === "md" && notes.length > 0) lines.push("", ...notes.map((note) => `* ${note}`));
  if (format === "table" && notes.length > 0) lines.push("", ...notes);
  const text = `${lines.join("\n")}\n`;
  if (file !== undefined) {
    await writeFileAtomically(file, Buffer.from(text));
    output.say(`written to ${file}`);
  } else if (format === "table") {
    for (const line of lines) output.say(line);
  } else {
    stdout.write(text);
  }
}

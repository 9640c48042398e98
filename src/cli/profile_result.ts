// The result of a profile command in the format asked for, on stdout or in a file.
import { writeFileAtomically } from "../formats/atomic_file.ts";
import { jsonText } from "./json_text.ts";
import type { Output } from "./output.ts";
import type { ResultOptions } from "./profile.ts";
import { tableLines, type Format, type Table } from "./profile_table.ts";
import type { Surroundings } from "./surroundings.ts";

/** One result in the shapes that formats draw. */
export interface Result {
  readonly value: unknown;
  readonly table: Table;
  /** Tables that follow it, for people. */
  readonly more?: readonly Table[];
  readonly csv: Table;
}

/** Whether people read stdout, and so may find other lines there too. */
export function isTable({ json, format = "table", output }: ResultOptions): boolean {
  return json !== true && (format === "table" || output !== undefined);
}

/** Writes a result; the file of `--output` holds nothing else. */
export async function writeResult(
  { stdout }: Surroundings,
  output: Output,
  { json, format: asked, output: file }: ResultOptions,
  result: Result,
): Promise<void> {
  const format = json === true ? "json" : (asked ?? "table");
  const lines = resultLines(result, format);
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

function resultLines({ value, table, more = [], csv }: Result, format: Format): string[] {
  if (format === "json") return [jsonText(value)];
  if (format === "csv") return tableLines(csv, format);
  const further = more.flatMap((one) => ["", ...tableLines(one, format)]);
  return [...tableLines(table, format), ...further];
}

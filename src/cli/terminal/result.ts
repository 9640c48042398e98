// The result of a profile command in the format asked for, on stdout or in a file.
import { type Format, tableLines, type Table } from "./profile_table.ts";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { jsonText } from "./json_text.ts";
import type { Output } from "./output.ts";
import type { CommonOptions } from "./options.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where and how results go. */
export interface ResultOptions extends CommonOptions {
  readonly format?: Format;
  readonly output?: string;
  readonly runs?: string;
}

/** One result in the shapes that formats draw. */
export interface Result {
  readonly value: unknown;
  readonly table: Table;
  /** Tables that follow it, for people. */
  readonly more?: readonly Table[];
  readonly csv: Table;
  /** Lines above and under the table of people; JSON and CSV have what they say in their values. */
  readonly lead?: readonly string[];
  readonly notes?: readonly string[];
}

/** Whether people read stdout, and so may find other lines there too. */
export function isTable({ json, format = "table", output }: ResultOptions): boolean {
  return json !== true && (format === "table" || output !== undefined);
}

/**
 * Writes a result; the file of `--output` holds nothing else. A result whose file cannot be written is
 * printed before the error is thrown.
 */
export async function writeResult(
  { stdout }: Surroundings,
  output: Output,
  { json, format: asked, output: file }: Pick<ResultOptions, "json" | "format" | "output">,
  { value, table, more = [], csv, lead = [], notes = [] }: Result,
): Promise<void> {
  const format = json === true ? "json" : (asked ?? "table");
  const lines =
    format === "json"
      ? [jsonText(value)]
      : format === "csv"
        ? tableLines(csv, format)
        : [
            tableLines(table, format),
            ...more.map((one) => ["", ...tableLines(one, format)]),
          ].flat();
  if (format === "md" && lead.length > 0) lines.unshift(...lead.map((line) => `* ${line}`), "");
  if (format === "table" && lead.length > 0) lines.unshift(...lead, "");
  if (format === "md" && notes.length > 0) lines.push("", ...notes.map((note) => `* ${note}`));
  if (format === "table" && notes.length > 0) lines.push("", ...notes);
  const text = `${lines.join("\n")}\n`;
  const print = (): void => {
    if (format !== "table") stdout.write(text);
    else for (const line of lines) output.say(line);
  };
  if (file === undefined) return print();
  try {
    await writeFileAtomically(file, Buffer.from(text));
  } catch (error) {
    print();
    throw error;
  }
  output.say(`written to ${file}`);
}

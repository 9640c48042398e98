// The result of a profile command in the requested format, on stdout or in a file.
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { jsonText } from "./json_text.ts";
import type { ResultOptions } from "./options.ts";
import type { Output, Surroundings } from "./surroundings.ts";
import { type Table, tableLines } from "./table.ts";

/** One result, in the shape that each format needs. */
export interface Result {
  readonly value: unknown;
  readonly table: Table;
  /** Tables that follow it, for people. */
  readonly more?: readonly Table[];
  readonly csv: Table;
  /** Lines above and below the table for people; in JSON and CSV the values contain the same. */
  readonly lead?: readonly string[];
  readonly notes?: readonly string[];
}

/** Whether stdout is for people, so that other lines may appear there too. */
export function isTable({ json, format = "table", output }: ResultOptions): boolean {
  return json !== true && (format === "table" || output !== undefined);
}

/**
 * Writes a result; the file of `--output` contains nothing else. If the file cannot be written, the
 * result is printed before the error is thrown.
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

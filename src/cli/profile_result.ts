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
  /** Tables that follow it, for people. */
  readonly more?: readonly Table[];
  readonly csv: Table;
}

/** Writes a result; the file of `--output` holds nothing else. */
export async function writeResult(
  { stdout }: Surroundings,
  output: Output,
  { json, format: asked, output: file }: ResultOptions,
  { value, table, more = [], csv }: Result,
): Promise<void> {
  const format = json === true ? "json" : (asked ?? "table");
  const lines =
    format === "json"
      ? [JSON.stringify(value, null, 2)]
      : format === "csv"
        ? tableLines(csv, format)
        : [
            tableLines(table, format),
            ...more.map((one) => ["", ...tableLines(one, format)]),
          ].flat();
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

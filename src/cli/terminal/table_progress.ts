// The progress of reading the tables of a data set, which have gigabytes.
import type { TableProgress } from "../../data/nuscenes/tables.ts";
import type { Output } from "./surroundings.ts";

const MEBIBYTE = 2 ** 20;
// Where no terminal rewrites its line, one plain line per this many bytes of a table.
const LINE_BYTES = 256 * MEBIBYTE;

/** Shows each table with the part that has been read; small tables only on a terminal. */
export function tableProgress(output: Output): TableProgress {
  let shown = { table: "", lines: 0 };
  return (table, read_bytes, total_bytes) => {
    const lines = Math.floor(read_bytes / LINE_BYTES);
    const isNext = lines > (shown.table === table ? shown.lines : 0);
    if (isNext || shown.table !== table) shown = { table, lines };
    const [read, total] = [read_bytes, total_bytes].map((bytes) => Math.round(bytes / MEBIBYTE));
    output.progress(`reading ${table}.json: ${read}/${total} MiB`, isNext);
  };
}

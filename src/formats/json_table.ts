// JSON tables of any length: one array of objects, read record by record from the bytes of the file,
// which is never in memory as a whole (a string of JavaScript cannot hold a table of a gigabyte). The
// grammar is checked everywhere; only the fields that the caller names are decoded.
import type { FileHandle } from "node:fs/promises";
import { InputError } from "../tensor/error.ts";
import { withInside } from "./inside_root.ts";
import { JsonScanner } from "./json_scanner.ts";

/** How to read a table. */
export interface TableOptions {
  /** Receives the bytes read so far and those of the whole file, once per piece. */
  readonly onProgress?: (read_bytes: number, total_bytes: number) => void;
  /** Bytes read at once (default 4 MiB). */
  readonly piece_bytes?: number;
}

const PIECE_BYTES = 4 * 2 ** 20;
// A record of nuScenes has 500 bytes. A longer record than this is no record of such a table.
const RECORD_LIMIT_BYTES = 2 ** 20;

/**
 * Calls `onRecord` for each record of the JSON table `root`/`name`, in order, and returns their
 * number. The record that is passed is valid until the call returns.
 *
 * Throws InputError, naming the file and the record or byte, if the file is not a JSON array of
 * objects, is cut short, has a key twice in a record, or has a record of more than 1 MiB.
 */
export async function readTable(
  root: string,
  name: string,
  fields: readonly string[],
  onRecord: (record: JsonRecord) => void,
  options: TableOptions = {},
): Promise<number> {
  return await withInside(
    root,
    name,
    async (handle, file) => await readPieces(handle, file, fields, onRecord, options),
  );
}

async function readPieces(
  handle: FileHandle,
  file: string,
  fields: readonly string[],
  onRecord: (record: JsonRecord) => void,
  { onProgress, piece_bytes = PIECE_BYTES }: TableOptions,
): Promise<number> {
  const status = await handle.stat();
  if (!status.isFile()) throw new InputError(`${file}: cannot read: it is not a regular file`);
  const scanner = new JsonScanner(file, fields);
  const record = new JsonRecord(scanner);
  let buffer = Buffer.alloc(piece_bytes);
  let [begin, end, position] = [0, 0, 0];
  let isLast = false;
  while (!isLast) {
    // What is left of the last piece moves to the front; a record longer than a piece needs more room.
    buffer.copyWithin(0, begin, end);
    [begin, end] = [0, end - begin];
    if (end >= RECORD_LIMIT_BYTES) {
      throw new InputError(
        `${file}: record ${scanner.index} has more than ${RECORD_LIMIT_BYTES} bytes; expected a table`,
      );
    }
    if (end === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    const { bytesRead } = await handle.read(buffer, end, buffer.length - end, position);
    position += bytesRead;
    end += bytesRead;
    isLast = bytesRead === 0;
    scanner.feed(buffer, end, position - end, isLast);
    for (;;) {
      const next = scanner.next(begin);
      if (next === null) break;
      begin = next.end;
      if (next.isRecord) onRecord(record);
    }
    if (bytesRead > 0) onProgress?.(position, Math.max(position, status.size));
  }
  return scanner.count;
}

/** One record of a table; its methods decode a field, or throw InputError naming file and field. */
export class JsonRecord {
  readonly #scanner: JsonScanner;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  /** Place of the record in its table, from 0. */
  get index(): number {
    return this.#scanner.index;
  }

  /** File and record, as errors name them. */
  get place(): string {
    return `${this.#scanner.file}: record ${this.index}`;
  }

  /** File, record and field, as errors name them. */
  where(field: string): string {
    return `${this.place}: ${field}`;
  }

  /** Whether the record has the field. */
  has(field: string): boolean {
    return this.#scanner.valueOf(field) !== null;
  }

  /** A string; throws InputError for another value. */
  text(field: string): string {
    const value = this.#scanner.valueOf(field);
    if (value?.kind !== "string") throw this.#expected(field, "a string", value !== null);
    return this.#scanner.decode(value);
  }

  /** A string that is not empty. */
  token(field: string): string {
    const text = this.text(field);
    if (text === "") throw this.#expected(field, "a token", true);
    return text;
  }

  /** A finite number. */
  number(field: string): number {
    const value = this.#scanner.valueOf(field);
    const found = value?.kind === "number" ? Number(this.#scanner.source(value)) : Number.NaN;
    if (Number.isFinite(found)) return found;
    throw this.#expected(field, "a finite number", value !== null);
  }

  /** The digits of a whole number, unchanged however many there are. */
  digits(field: string): string {
    const value = this.#scanner.valueOf(field);
    const found = value?.kind === "number" ? this.#scanner.source(value) : "";
    if (/^-?\d+$/.test(found)) return found;
    throw this.#expected(field, "a whole number", value !== null);
  }

  /** True or false. */
  flag(field: string): boolean {
    const value = this.#scanner.valueOf(field);
    const found = value?.kind === "word" ? this.#scanner.source(value) : "";
    if (found === "true" || found === "false") return found === "true";
    throw this.#expected(field, "true or false", value !== null);
  }

  /** A list of `length` finite numbers. */
  vector(field: string, length: number): number[] {
    const list = this.#list(field);
    if (list?.length === length && list.every(Number.isFinite)) return list as number[];
    throw this.#expected(field, `a list of ${length} finite numbers`, list !== null);
  }

  /** `size` lists of `size` finite numbers each, or an empty list as null. */
  matrix(field: string, size: number): number[][] | null {
    const list = this.#list(field);
    if (list?.length === 0) return null;
    const isRow = (row: unknown): boolean =>
      Array.isArray(row) && row.length === size && row.every(Number.isFinite);
    if (list?.length === size && list.every(isRow)) return list as number[][];
    throw this.#expected(field, `${size} lists of ${size} finite numbers`, list !== null);
  }

  #list(field: string): unknown[] | null {
    const value = this.#scanner.valueOf(field);
    if (value?.kind !== "array") return null;
    return JSON.parse(this.#scanner.source(value)) as unknown[];
  }

  #expected(field: string, what: string, isThere: boolean): InputError {
    return new InputError(
      `${this.where(field)}: ${isThere ? "has another value" : "is missing or has another value"}; ` +
        `expected ${what}`,
    );
  }
}

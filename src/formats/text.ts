// Decodes the bytes of a text file. Some editors begin a file with a byte order mark or write
// UTF-16; both are accepted.
import { InputError } from "../tensor/error.ts";

/**
 * The text of UTF-8 bytes, or of UTF-16 after its byte order mark; throws `InputError` naming
 * `where`.
 */
export function decodeText(bytes: Uint8Array, where: string): string {
  const mark = bytes.length < 2 ? 0 : bytes[0] * 256 + bytes[1];
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes); // Drops the mark.
  } catch {
    throw new InputError(`${where}: is not text in ${encoding.toUpperCase()}; save it as UTF-8`);
  }
}

/** The position of a character of `text`, for a person: `line 3, column 7`, both from 1. */
export function lineAndColumn(text: string, at: number): string {
  let line = 1;
  let begin = 0;
  for (let end = text.indexOf("\n"); end >= 0 && end < at; end = text.indexOf("\n", begin)) {
    line++;
    begin = end + 1;
  }
  return `line ${line}, column ${at - begin + 1}`;
}

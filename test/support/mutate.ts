// Damages files as bugs and attackers do: changes bits, sizes, ranges, and tokens of their grammar.
import type { RandomStream } from "../../src/tensor/random.ts";

/** The texts that a mutation may put into a file, besides bytes. */
export interface Grammar {
  /** Pieces of the format: brackets, keywords, keys, values. */
  readonly tokens: readonly string[];
  /** Whether the file is text, in which numbers and words are worth changing. */
  readonly isText: boolean;
}

/** A reader under attack. */
export interface HostileReader {
  readonly name: string;
  readonly grammar: Grammar;
  /** Only one in this many mutations is tried, for a reader that is too slow for all of them. */
  readonly every: number;
  readonly open: () => Promise<OpenReader>;
}

/** A reader, and the files of which it receives damaged copies. */
export interface OpenReader {
  readonly seeds: readonly Uint8Array[];
  /** Reads a file; `seed` is the number of the file that it was made from. */
  readonly read: (bytes: Uint8Array, seed: number) => unknown;
  /** Corrects lengths and checksums after damage. */
  readonly repair?: (damaged: Buffer, seed: Uint8Array) => Uint8Array;
  readonly close?: () => void;
}

const INTEGERS = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  16n,
  127n,
  128n,
  255n,
  256n,
  32_767n,
  32_768n,
  65_535n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

// Texts that are easily mistaken for numbers or words, and texts that must not reach a terminal.
const WORDS = [
  ...'0|-0|-1|1.5|1e309|-1e309|1e-400|NaN|Infinity|null|true|[]|{}|""|0x10|1_000'.split("|"),
  "9007199254740993",
  "18446744073709551616",
  "9".repeat(400),
  "\u0000",
  "\u001b[31m",
  "\u202e",
  "\r\n",
  "\u2028",
  "__proto__",
  "constructor",
  "../../../etc/passwd",
  "<b onmouseover=alert(1)>",
];

/** A damaged copy of `seed`: one to four changes of any kind. */
export function mutate(seed: Uint8Array, random: RandomStream, grammar: Grammar): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  for (let changes = 1 + random.integer(4); changes > 0; changes--) {
    bytes = change(bytes, random, grammar);
  }
  return bytes;
}

function change(bytes: Buffer, random: RandomStream, grammar: Grammar): Buffer {
  // Structure is at the beginning of most files, and at the end of archives.
  const near = Math.min(bytes.length, 200);
  const place = [bytes.length, near, near][random.integer(3)];
  let at = random.integer(Math.max(1, place));
  if (random.integer(4) === 0) at = Math.max(0, bytes.length - 1 - at);
  const length = 1 + random.integer(random.integer(3) === 0 ? 64 : 6);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  const put = (piece: Uint8Array | string, over: number): Buffer =>
    Buffer.concat([bytes.subarray(0, at), Buffer.from(piece as string), bytes.subarray(at + over)]);
  switch (random.integer(grammar.isText ? 13 : 9)) {
    case 0: // A bit.
      return put(Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.integer(8))), 1);
    case 1: // A byte.
      return put(Uint8Array.of(pick([0, 1, 127, 128, 255, random.integer(256)])), 1);
    case 2: // A number in the place of bytes.
      return put(
        integer(pick(INTEGERS), pick([1, 2, 4, 8]), random.integer(2) === 0),
        random.integer(9),
      );
    case 3: // A number over bytes.
      return overwritten(
        bytes,
        at,
        integer(pick(INTEGERS), pick([2, 4, 8]), random.integer(2) === 0),
      );
    case 4: // A range gone.
      return put("", length);
    case 5: // A range twice, or elsewhere.
      return put(bytes.subarray(random.integer(bytes.length + 1)).subarray(0, length), 0);
    case 6: // The end gone.
      return bytes.subarray(0, at);
    case 7: // Noise.
      return put(
        Uint8Array.from({ length }, () => random.integer(256)),
        length,
      );
    case 8: // A piece of the grammar.
      return put(pick(grammar.tokens), random.integer(2) * length);
    case 9: // A word that is taken for something else.
      return put(pick(WORDS), 0);
    case 10: // A number of the text made another.
      return replaced(bytes, random, /-?\d+(?:\.\d+)?/g, pick(WORDS));
    case 11: // A word of the text made another.
      return replaced(bytes, random, /"[^"\n]*"|[A-Za-z_]+/g, pick([...WORDS, ...grammar.tokens]));
    default: // Nesting and repetition.
      return put(pick(grammar.tokens).repeat(1 + random.integer(300)), 0);
  }
}

function integer(value: bigint, bytes: number, isLittle: boolean): Buffer {
  const out = Buffer.alloc(8);
  if (isLittle) out.writeBigUInt64LE(BigInt.asUintN(64, value));
  else out.writeBigUInt64BE(BigInt.asUintN(64, value));
  return isLittle ? out.subarray(0, bytes) : out.subarray(8 - bytes);
}

function overwritten(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(piece.subarray(0, Math.max(0, copy.length - at)), at);
  return copy;
}

function replaced(bytes: Buffer, random: RandomStream, pattern: RegExp, word: string): Buffer {
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return bytes;
  const { index, 0: old } = found[random.integer(found.length)];
  return Buffer.concat([
    bytes.subarray(0, index),
    Buffer.from(word),
    bytes.subarray(index + old.length),
  ]);
}

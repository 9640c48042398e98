// Damaged files by the million: a reader must answer any input with values or with one printable
// line, quickly, and without memory out of proportion to the file.
import { FILE_READERS } from "../../test/support/hostile_files.ts";
import { BYTE_READERS } from "../../test/support/hostile_bytes.ts";
import { mutate, type HostileReader } from "../../test/support/mutate.ts";
import { InputError } from "../../src/tensor/error.ts";
import { printable } from "../../src/tensor/printable.ts";
import { hashText, randomStream } from "../../src/tensor/random.ts";
import { newTally, type Tally, type TortureOptions } from "./tally.ts";

/** The results of one reader on its mutations. */
export interface MutationCounts {
  readonly reader: string;
  readonly tried: number;
  readonly refused: number;
  /** Processor time, which other programs do not lengthen. */
  readonly slowest_ms: number;
  /** Most bytes that one file made the reader allocate outside the heap. */
  readonly most_bytes: number;
  /** The violations, each with the number of its mutation. */
  readonly faults: readonly string[];
}

const SLOW_MS = 1000;
const MOST_BYTES = 64e6;
const MOST_FAULTS = 10;

/** A million damaged files per reader, a thousand in the small form. */
export async function torturedByMutations({
  isLarge,
  count,
  seed,
}: TortureOptions): Promise<Tally> {
  const tally = newTally("damaged files of every kind that is read", "files");
  const all = await mutations(count ?? (isLarge ? 1_000_000 : 1000), console.log, seed);
  for (const { reader, tried, faults } of all) {
    tally.tries += tried;
    tally.faults.push(...faults.map((fault) => `${reader}: ${fault}`));
  }
  const slowest_ms = Math.max(...all.map((one) => one.slowest_ms));
  tally.note = `slowest ${slowest_ms.toFixed(0)} ms of processor time`;
  return tally;
}

/**
 * Gives every reader `count` damaged files, always the same ones for the same seed, and prints a
 * line per reader. Slow readers get only a part: those of pictures, one in five.
 */
export async function mutations(
  count: number,
  say: (line: string) => void,
  seed: number = 1,
): Promise<MutationCounts[]> {
  const all: MutationCounts[] = [];
  for (const reader of [...BYTE_READERS, ...FILE_READERS]) {
    const counts = await mutateFor(reader, Math.ceil(count / reader.every), seed);
    say(
      `${counts.reader}: ${counts.tried} tried, ${counts.refused} refused, ` +
        `${counts.faults.length} faults, slowest ${counts.slowest_ms.toFixed(0)} ms, ` +
        `at most ${(counts.most_bytes / 1e6).toFixed(1)} MB`,
    );
    all.push(counts);
  }
  return all;
}

/** The counts of one reader over its mutations 0 to `count` - 1. */
export async function mutateFor(
  reader: HostileReader,
  count: number,
  stream: number = 1,
): Promise<MutationCounts> {
  const { seeds, read, repair, close } = await reader.open();
  const faults: string[] = [];
  let [refused, slowest_ms, most_bytes] = [0, 0, 0];
  const attempt = async (bytes: Uint8Array, seed: number): Promise<number> => {
    const before = process.cpuUsage();
    try {
      await read(bytes, seed);
    } catch (error) {
      refused++;
      const fault = faultOf(error);
      if (fault !== null) throw new Error(fault, { cause: error });
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  try {
    for (let i = 0; i < count && faults.length < MOST_FAULTS; i++) {
      const random = randomStream(stream, hashText(reader.name), i);
      const seed = random.integer(seeds.length);
      let bytes: Uint8Array = mutate(seeds[seed], random, reader.grammar);
      if (repair && random.integer(2) === 0) bytes = repair(Buffer.from(bytes), seeds[seed]);
      const before = process.memoryUsage().arrayBuffers;
      try {
        const time_ms = await attempt(bytes, seed);
        if (time_ms > SLOW_MS) faults.push(`mutation ${i}: ${time_ms.toFixed(0)} ms`);
        slowest_ms = Math.max(slowest_ms, time_ms);
      } catch (error) {
        faults.push(`mutation ${i}: ${(error as Error).message}`);
      }
      const taken = process.memoryUsage().arrayBuffers - before;
      most_bytes = Math.max(most_bytes, taken);
      if (taken > MOST_BYTES + bytes.length) faults.push(`mutation ${i}: ${taken} bytes taken`);
    }
  } finally {
    close?.();
  }
  return { reader: reader.name, tried: count, refused, slowest_ms, most_bytes, faults };
}

/** The fault of an error message; null if it is one printable line of ours. */
function faultOf(error: unknown): string | null {
  if (!(error instanceof InputError)) return `not an InputError: ${String(error)}`;
  const { message } = error;
  return message === "" || printable(message) !== message ? `not printable: ${message}` : null;
}

// Damaged files: a reader of outside bytes must answer each with its values or one clear line.
import { expect } from "vitest";
import { randomStream } from "../../src/tensor/random.ts";
import { InputError } from "../../src/tensor/error.ts";

/** The file name that readers under test are given; their errors must begin with it. */
export const FILE = "folder/some.file";

/** Longest time for a refusal; a quiet machine takes a fifth of it at most, a hang takes minutes. */
export const SOON_MS = 5000;

/** Expects `read` to throw an `InputError` of one line naming the file and matching `pattern`. */
export async function expectRefused(read: () => unknown, pattern: RegExp): Promise<void> {
  const error = await failure(read);
  expect(error, "nothing was thrown").toBeDefined();
  expectOneClearLine(error);
  expect((error as Error).message).toMatch(pattern);
}

/**
 * Gives `read` every prefix of `bytes` (at most 300 of them) and `flips` copies with one to three
 * bytes changed; whatever it throws must be an `InputError` of one line. Returns how many were
 * refused.
 */
export async function tryDamaged(
  bytes: Uint8Array,
  flips: number,
  read: (bytes: Uint8Array) => unknown,
): Promise<{ cut: number; prefixes: number; flipped: number }> {
  const step = Math.max(1, Math.ceil(bytes.length / 300));
  const count = { cut: 0, prefixes: 0, flipped: 0 };
  for (let length = 0; length < bytes.length; length += step) {
    count.prefixes++;
    if (await refused(() => read(bytes.slice(0, length)))) count.cut++;
  }
  const random = randomStream(20261122, bytes.length);
  for (let i = 0; i < flips; i++) {
    const damaged = new Uint8Array(bytes);
    for (let changes = 1 + random.integer(3); changes > 0; changes--) {
      damaged[random.integer(bytes.length)] = random.integer(256);
    }
    if (await refused(() => read(damaged))) count.flipped++;
  }
  return count;
}

async function refused(read: () => unknown): Promise<boolean> {
  const error = await failure(read);
  if (error === undefined) return false;
  expectOneClearLine(error);
  return true;
}

async function failure(read: () => unknown): Promise<unknown> {
  try {
    await read();
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectOneClearLine(error: unknown): void {
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as Error;
  expect(message.startsWith(`${FILE}: `), message).toBe(true);
  expect(message).not.toMatch(/\n/);
}

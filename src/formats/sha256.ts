// SHA-256 wherever the program runs: Node's own implementation where there is one, else plain
// JavaScript, because the one of browsers answers only asynchronously. Source: FIPS 180-4.

import { nodeModule } from "../tensor/node_module.ts";

interface NodeHash {
  readonly update: (part: string | Uint8Array) => NodeHash;
  readonly digest: (encoding: "hex") => string;
}

interface NodeCrypto {
  readonly createHash: (name: "sha256") => NodeHash;
}

/** The SHA-256 of the parts, one behind the other, as 64 hexadecimal digits; texts are UTF-8. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const crypto = nodeModule("node:crypto") as NodeCrypto | null;
  if (crypto === null) return plainSha256(...parts);
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** `sha256` in plain JavaScript. */
export function plainSha256(...parts: readonly (string | Uint8Array)[]): string {
  const encoder = new TextEncoder();
  const pieces = parts.map((part) => (typeof part === "string" ? encoder.encode(part) : part));
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  // A 1, zeros, and the length in bits fill the last block (section 5.1.1).
  const padded = new Uint8Array(Math.ceil((length + 9) / 64) * 64);
  let end = 0;
  for (const piece of pieces) {
    padded.set(piece, end);
    end += piece.length;
  }
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(length) * 8n);
  const state = Int32Array.from(INITIAL);
  const schedule = new Int32Array(64);
  for (let at = 0; at < padded.length; at += 64) addBlock(state, schedule, view, at);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

// The fractional parts of the square roots of the first 8 primes, and of the cube roots of the
// first 64 (sections 5.3.3 and 4.2.2).
const PRIMES = primes(64);
const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(prime, 2n));
const ROUND = Int32Array.from(PRIMES, (prime) => fraction(prime, 3n));

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    if (found.every((prime) => n % prime !== 0)) found.push(n);
  }
  return found;
}

/** The first 32 bits of the fractional part of a root of `prime`: floor of the root of p * 2^(32 r). */
function fraction(prime: number, root: bigint): number {
  const wanted = BigInt(prime) << (32n * root);
  let [low, high] = [0n, 1n << 40n];
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** root <= wanted) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** Section 6.2.2: one block of 64 bytes. */
function addBlock(state: Int32Array, w: Int32Array, view: DataView, at: number): void {
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(at + 4 * t);
  for (let t = 16; t < 64; t++) {
    const [a, b] = [w[t - 15], w[t - 2]];
    const s0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
    const s1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[t] + w[t]) | 0;
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
}

// Seeded random numbers by counter: the same key gives the same number on every machine, in any
// order.

const MASK = 0xffffffff;
const START = 0x9e3779b9;

/** 32 well-mixed bits of a list of integer keys (murmur3 finaliser over a running state). */
export function hash(...keys: readonly number[]): number {
  return keys.reduce(absorb, START);
}

/**
 * The state after mixing in `key`. Both halves are mixed in, because keys such as time stamps
 * exceed 2^32.
 */
function absorb(state: number, key: number): number {
  const low = mix((state ^ (key & MASK)) >>> 0);
  return mix((low + Math.floor(key / 2 ** 32) + 0x85ebca6b) >>> 0);
}

function mix(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit hash of a text, so that names can be keys. */
export function hashText(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return mix(state);
}

/** A stream of random numbers; its only state is the key and a counter. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal (Box-Muller, one number per two uniforms). */
  normal(): number;
  /** Uniform integer in [0, end). */
  integer(end: number): number;
}

/** The stream of random numbers that belongs to `keys`. */
export function randomStream(...keys: readonly number[]): RandomStream {
  const state = hash(hash(...keys)); // the same as with the counter as the last key
  let counter = 0;
  const uniform = (): number => absorb(state, counter++) / 2 ** 32;
  return {
    uniform,
    normal: () => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return radius * Math.cos(2 * Math.PI * uniform());
    },
    integer: (end) => Math.floor(uniform() * end),
  };
}

/** A permutation of 0..count-1 (Fisher-Yates), the same for the same keys. */
export function permutation(count: number, ...keys: readonly number[]): number[] {
  const stream = randomStream(...keys);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = stream.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

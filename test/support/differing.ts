// Compares many long arrays bit by bit; a whole comparison would print them all.

/** Arrays by name. */
export type Numbers = ReadonlyMap<string, Float32Array | Float64Array>;

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The names of those arrays that are not the same in both, bit by bit. */
export function differing(one: Numbers, other: Numbers): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((name) => {
    const [a, b] = [one.get(name), other.get(name)];
    return a === undefined || b === undefined || !bytesOf(a).equals(bytesOf(b));
  });
}

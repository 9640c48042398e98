// The numbers of a buffer as bytes and back: its single numbers first, then its elements one by
// one, without the gaps between them.
import { widenHalf } from "../../tensor/half.ts";
import { hashText, randomStream } from "../../tensor/random.ts";
import { size } from "../../tensor/shape.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape } from "../../tensor/shape.ts";
import type { Leaf } from "./layout.ts";
import { scalarsOf, type OutsideBuffer } from "./problem.ts";

/** Numbers as a reference sees them: of whole numbers their own kind, else f64. */
export type Numbers = Float64Array | Int32Array | Uint32Array;

// Whole numbers are mostly indices and keys: small ones stay within most buffers.
const WHOLE = 256;

/** An empty list for the numbers of a buffer. */
function emptyNumbers(buffer: OutsideBuffer, length: number = countOf(buffer)): Numbers {
  const types = scalarsOf(buffer);
  if (types.size === 1 && types.has("u32")) return new Uint32Array(length);
  if (types.size === 1 && types.has("i32")) return new Int32Array(length);
  return new Float64Array(length);
}

/** How many numbers a buffer has. */
export function countOf({ layout, count }: OutsideBuffer): number {
  return layout.leaves.length + count * (layout.array?.leaves.length ?? 0);
}

/** Calls `work` with the place of each number, in order. */
function eachNumber(
  { layout, count }: OutsideBuffer,
  work: (offset: number, type: Leaf["type"], index: number) => void,
): void {
  let index = 0;
  for (const { offset, type } of layout.leaves) work(offset, type, index++);
  const { array } = layout;
  if (array === null) return;
  for (let i = 0; i < count; i++) {
    const start = array.offset + i * array.stride;
    for (const { offset, type } of array.leaves) work(start + offset, type, index++);
  }
}

/** Writes the numbers of a buffer into its bytes. */
export function pack(buffer: OutsideBuffer, numbers: ArrayLike<number>, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  eachNumber(buffer, (offset, type, i) => {
    const value = numbers[i];
    if (type === "f32") view.setFloat32(offset, value, true);
    else if (type === "u32") view.setUint32(offset, value, true);
    else if (type === "i32") view.setInt32(offset, value, true);
    else view.setUint16(offset, halfBits(value), true);
  });
}

/** Reads the numbers of a buffer from its bytes. */
export function unpack(buffer: OutsideBuffer, bytes: Uint8Array): Numbers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = emptyNumbers(buffer);
  eachNumber(buffer, (offset, type, i) => {
    if (type === "f32") numbers[i] = view.getFloat32(offset, true);
    else if (type === "u32") numbers[i] = view.getUint32(offset, true);
    else if (type === "i32") numbers[i] = view.getInt32(offset, true);
    else [numbers[i]] = widenHalf(Uint16Array.of(view.getUint16(offset, true)));
  });
  return numbers;
}

/**
 * The numbers that a buffer begins with: its single numbers, then its data. `values` are those of
 * the .npy file that its data names. Throws InputError naming the buffer and both shapes if they
 * do not fit.
 */
export function startNumbers(
  buffer: OutsideBuffer,
  { seed = 0, zeros = false }: { readonly seed?: number; readonly zeros?: boolean },
  file: { readonly shape: readonly number[]; readonly values: ArrayLike<number> } | null,
): Numbers {
  const { name, head, data, layout } = buffer;
  const numbers = emptyNumbers(buffer);
  numbers.set(head);
  const elements = numbers.length - head.length;
  if (file !== null) {
    if (size(file.shape) !== elements) {
      throw new InputError(
        `${typeof data === "string" ? data : "the file"} is ${formatShape(file.shape)}, but ${name} has ${elements} numbers; give its shape`,
      );
    }
    numbers.set(Array.from(file.values), head.length);
    return numbers;
  }
  if (zeros || data === "zeros") return numbers;
  const stream = randomStream(hashText(`${name}/${seed}`));
  const kinds = (layout.array?.leaves ?? []).map(({ type }) => type === "f32" || type === "f16");
  for (let i = 0; i < elements; i++) {
    const real = kinds[i % kinds.length];
    let value: number;
    if (data === "index") value = i;
    else if (typeof data === "object") {
      const drawn = data.low + (data.high - data.low) * stream.uniform();
      value = real ? drawn : Math.floor(drawn);
    } else value = real ? stream.normal() : stream.integer(WHOLE);
    numbers[head.length + i] = value;
  }
  return numbers;
}

/** The bits of the half float nearest to a number, ties to even. */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const amount = Math.abs(value);
  if (amount >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(amount || 2 ** -24)));
  const unit = 2 ** (exponent - 10);
  const scaled = amount / unit;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const mantissa = below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
  // A mantissa that rounds up to the next power carries into the exponent.
  return sign | (mantissa < 1024 ? mantissa : (exponent + 14) * 1024 + mantissa);
}

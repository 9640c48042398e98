// Numbers that a program passes to a graph: inputs, parameters, states, constants and step scalars.
// Any list of numbers is accepted, whatever its type; everything else is refused by name.
import { InputError } from "../tensor/error.ts";
import { unknownName } from "../tensor/nearest_name.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";

// By tag, not by instanceof: arrays from another realm (a worker, a test) are arrays too.
const FLOATS = ["Float32Array", "Float64Array", "Float16Array"];
const INTEGERS = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
];
const WANTED = "numbers: an array of numbers or a typed array of 8 to 64-bit floats or integers";

/** The name for errors: `input x`, and its shape if it has one. */
export interface Described {
  readonly kind: string;
  readonly name: string;
  readonly shape: Shape;
}

/**
 * `given` as f64, copied to a new array unless it is a Float64Array. Accepts arrays of numbers and
 * typed arrays of floats or integers; integers must be exact in f32, other numbers are rounded to
 * it. NaN and infinities pass through. Throws InputError, with the name and the types, if it is not
 * a list of numbers, has the wrong length, or holds a number that f32 cannot.
 */
export function hostNumbers(what: Described, given: unknown): Float64Array {
  const numbers = listOf(what, given);
  const values =
    tagOf(numbers) === "Float64Array" ? (numbers as Float64Array) : Float64Array.from(numbers);
  const integers = INTEGERS.includes(tagOf(numbers));
  if (tagOf(numbers) !== "Float32Array") values.forEach((v, i) => checkRange(what, v, i, integers));
  return values;
}

/** As `hostNumbers`, in f32; a Float32Array is returned unchanged. */
export function hostFloats(what: Described, given: unknown): Float32Array<ArrayBuffer> {
  if (tagOf(given) === "Float32Array") {
    const floats = listOf(what, given) as Float32Array;
    // The GPU's queue does not read memory shared between threads.
    const isShared = tagOf(floats.buffer) !== "ArrayBuffer";
    return (isShared ? floats.slice() : floats) as Float32Array<ArrayBuffer>;
  }
  return Float32Array.from(hostNumbers(what, given));
}

/** Throws InputError if `given` has names that are not `known`: a misspelt name is not an input. */
export function refuseUnknown(
  kind: string,
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw new InputError(unknownName(`the graph has no ${kind} called`, name, known));
  }
}

/** A finite number that f32 can hold; otherwise throws InputError with its name. */
export function hostScalar(name: string, given: unknown): number {
  if (typeof given === "number" && Number.isFinite(Math.fround(given))) return given;
  if (given === undefined) throw new InputError(`the step scalar ${name} was not given`);
  const shown = typeof given === "number" ? String(given) : typeName(given);
  throw new InputError(`the step scalar ${name} is ${shown}; expected a finite number`);
}

function listOf(what: Described, given: unknown): ArrayLike<number> {
  const { kind, name, shape } = what;
  const text = `${kind} ${name}${formatShape(shape)}`;
  const count = size(shape);
  if (given === undefined || given === null) {
    throw new InputError(`${text} needs ${count} numbers, was given none`);
  }
  const tag = tagOf(given);
  if (!Array.isArray(given) && !FLOATS.includes(tag) && !INTEGERS.includes(tag)) {
    throw new InputError(`${text} was given ${typeName(given)}; expected ${WANTED}`);
  }
  const list = given as ArrayLike<number>;
  if (list.length !== count) {
    throw new InputError(`${text} needs ${count} numbers, was given ${list.length}`);
  }
  if (Array.isArray(given)) {
    for (let i = 0; i < count; i++) {
      const item: unknown = given[i];
      if (typeof item === "number") continue;
      throw new InputError(`${text} has ${typeName(item)} at index ${i}; expected ${WANTED}`);
    }
  }
  return list;
}

function checkRange({ kind, name, shape }: Described, v: number, i: number, exact: boolean): void {
  const rounded = Math.fround(v);
  if (Number.isFinite(v) ? Number.isFinite(rounded) && (!exact || rounded === v) : true) return;
  throw new InputError(
    `${kind} ${name}${formatShape(shape)} has ${v} at index ${i}, which a 32-bit float cannot represent` +
      `${exact ? " exactly" : ""}; give numbers that it can`,
  );
}

function tagOf(value: unknown): string {
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return tag.endsWith("Array") && tag !== "Array" && !ArrayBuffer.isView(value) ? "Object" : tag;
}

/** The type of a value in everyday words. */
function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? `a value of type ${tagOf(value)}` : `a ${typeof value}`;
}

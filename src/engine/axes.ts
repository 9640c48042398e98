// Index arithmetic of kernels that walk up to six axes: merging, broadcasting, strides. Contains no
// kernel.
import { foldGrid, type Grid } from "./kernel.ts";
import { formatShape, size, strides, type Shape } from "../tensor/shape.ts";

const MOST_AXES = 6;

/**
 * A loop nest over up to six axes and the step of each operand along them, right-aligned to six
 * numbers.
 */
export interface Walk {
  /** Number of axes after merging, at least one. */
  readonly axes: number;
  /** Axis lengths; the leading ones are 1. */
  readonly shape: Shape;
  /** For each operand, elements to step along each axis. */
  readonly steps: readonly (readonly number[])[];
}

/**
 * Merges neighbouring axes along which every operand is contiguous and drops axes of length 1, so
 * that most problems walk one or two axes. Throws if more than six remain.
 */
export function walk(shape: Shape, ...operands: readonly (readonly number[])[]): Walk {
  const lengths: number[] = [];
  const steps = operands.map((): number[] => []);
  if (size(shape) === 0) lengths.push(0);
  else {
    shape.forEach((length, axis) => {
      if (length === 1) return;
      const last = lengths.length - 1;
      const merges =
        last >= 0 && operands.every((step, k) => steps[k][last] === step[axis] * length);
      if (merges) lengths[last] *= length;
      else lengths.push(length);
      operands.forEach((step, k) => {
        steps[k][lengths.length - 1] = step[axis];
      });
    });
  }
  if (lengths.length > MOST_AXES) {
    throw new Error(
      `${formatShape(shape)} needs ${lengths.length} axes; at most ${MOST_AXES} are supported`,
    );
  }
  return {
    axes: Math.max(lengths.length, 1),
    shape: sixOf(lengths, 1),
    steps: steps.map((step) => sixOf(step, 0)),
  };
}

/** Six numbers, right-aligned; the leading ones are `fill`. */
export function sixOf(values: readonly number[], fill: number): number[] {
  return [...Array.from<number>({ length: MOST_AXES - values.length }).fill(fill), ...values];
}

/** Lines of a walk along its last axis. */
export function linesOf(shape: Shape): number {
  return size(shape.slice(0, -1));
}

/** Workgroups of WG invocations with STEP elements of a line each. */
export function linesGrid(lines: number, length: number, WG: number, STEP: number): Grid {
  return foldGrid(Math.ceil((lines * Math.ceil(length / STEP)) / WG));
}

type Digit = 0 | 1 | 2 | 3 | 4 | 5;
/** Six fields of `struct Params`: `prefix_0` to `prefix_5`. */
export type Six<P extends string> = Record<`${P}_${Digit}`, number>;

/** Six numbers as fields of `struct Params`. */
export function six<P extends string>(prefix: P, values: readonly number[]): Six<P> {
  return Object.fromEntries(values.map((value, i) => [`${prefix}_${i}`, value])) as Six<P>;
}

/** The shape that two shapes broadcast to by NumPy's rule; throws if they do not. */
export function broadcastShape(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [m, n] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) {
      throw new Error(`${formatShape(a)} and ${formatShape(b)} do not broadcast together`);
    }
    return m === 1 ? n : m;
  });
}

/** Elements of `shape` to step along each axis of `target`, 0 where it is broadcast. */
export function broadcastSteps(shape: Shape, target: Shape): number[] {
  const steps = strides(shape);
  const missing = target.length - shape.length;
  return target.map((_, axis) => {
    const own = axis - missing;
    return own < 0 || shape[own] === 1 ? 0 : steps[own];
  });
}

/** The offset of every element of a loop nest in one operand, the last axis fastest. */
export function offsets(shape: Shape, steps: readonly number[], start = 0): Int32Array {
  let places = Int32Array.of(start);
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const finer = new Int32Array(places.length * length);
    let next = 0;
    for (const place of places) {
      for (let i = 0; i < length; i++) finer[next++] = place + i * steps[axis];
    }
    places = finer;
  });
  return places;
}

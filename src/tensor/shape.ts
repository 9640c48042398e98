// Shapes: lists of axis lengths, row-major, last axis contiguous.
import { InputError } from "./error.ts";

/** Axis lengths of a row-major tensor; `[]` is a scalar, and an axis of length 0 makes it empty. */
export type Shape = readonly number[];

/** Number of elements of a tensor of this shape. */
export function size(shape: Shape): number {
  let product = 1;
  for (const axis of shape) product *= axis;
  return product;
}

/** The shape as text: `[6, 96, 160, 4]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Distance in elements between neighbours along each axis of a row-major tensor. */
export function strides(shape: Shape): number[] {
  const steps = Array.from<number>({ length: shape.length });
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    steps[axis] = step;
    step *= shape[axis];
  }
  return steps;
}

/** The index along each axis of the element at a position of a row-major tensor. */
export function axesAt(position: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = position;
  for (const axis of shape.toReversed()) {
    index.unshift(rest % axis);
    rest = Math.floor(rest / axis);
  }
  return index;
}

/** Whether two shapes have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/**
 * Throws InputError if an axis is not a whole number of at least 0, or the tensor is too large to
 * count.
 */
export function checkShape(name: string, shape: Shape): void {
  const isWhole = Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (isWhole && Number.isSafeInteger(size(shape))) return;
  const shown = Array.isArray(shape) ? `[${shape.map(String).join(", ")}]` : String(shape);
  throw new InputError(`${name}: shape ${shown}: expected a list of whole numbers of at least 0`);
}

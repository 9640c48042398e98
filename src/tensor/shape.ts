// Shapes: lists of axis lengths, row-major, last axis contiguous.

/** Axis lengths of a row-major tensor; `[]` is a scalar, an axis of 0 an empty tensor. */
export type Shape = readonly number[];

/** Number of elements of a tensor of this shape. */
export function size(shape: Shape): number {
  let product = 1;
  for (const axis of shape) product *= axis;
  return product;
}

/** The shape as people read it: `[6, 96, 160, 4]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Elements to step along each axis of a row-major tensor. */
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

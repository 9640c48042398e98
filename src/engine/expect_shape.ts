// The one check of a kernel's inputs against the shapes they must have.
import { formatShape, sameShape, type Shape } from "../tensor/shape.ts";

/**
 * Throws unless every named tensor has the shape `wanted`; `as` names the tensor that determines
 * it.
 */
export function expectShape(
  tensors: Readonly<Record<string, Shape>>,
  wanted: Shape,
  as?: string,
): void {
  for (const [name, given] of Object.entries(tensors)) {
    if (sameShape(given, wanted)) continue;
    const source = as === undefined ? "" : ` (as ${as})`;
    throw new Error(`${name} is ${formatShape(given)}, expected ${formatShape(wanted)}${source}`);
  }
}

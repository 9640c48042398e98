// Initial values of parameters.
import { size } from "../tensor/shape.ts";
import { checkOptions } from "../tensor/options.ts";
import type { Initializer } from "./value.ts";

/**
 * Normal with variance 2 / fan-in, for weights [O, …, C] before a rectifier (He et al. 2015, eq.
 * 10).
 */
export const heNormal: Initializer = (shape, random) => {
  const deviation = Math.sqrt(2 / size(shape.slice(1)));
  return Float32Array.from({ length: size(shape) }, () => deviation * random.normal());
};

/** Normal with variance 1 / fan-in times `gain`², for output layers. */
export function scaledNormal(gain: number): Initializer {
  checkOptions("scaledNormal", { gain }, { gain: "number" });
  return (shape, random) => {
    const deviation = gain / Math.sqrt(size(shape.slice(1)));
    return Float32Array.from({ length: size(shape) }, () => deviation * random.normal());
  };
}

/** All elements equal to `value`. */
export function constant(value: number): Initializer {
  checkOptions("constant", { value }, { value: "number" });
  return (shape) => new Float32Array(size(shape)).fill(value);
}

/** Exactly these numbers. */
export function given(values: Float32Array): Initializer {
  return () => values;
}

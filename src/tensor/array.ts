// Host arrays. References run in f64; tensors on disk and on the GPU are f32.

/** The two host array types that references are generic over. */
export type NumberArray = Float32Array | Float64Array;

/** A new zeroed array of `length` elements, of the type of `model`. */
export function like<T extends NumberArray>(model: T, length: number): T {
  return (model instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)) as T;
}

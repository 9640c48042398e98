// A range of the channels of wider rows: how fused kernels read what a slice would copy.
import { formatShape, size, type Shape } from "../tensor/shape.ts";

/** Channels that one invocation handles together. */
const QUAD = 4;

/** The number of vectors of four channels; throws unless it is whole. */
export function quads(what: string, channels: number): number {
  if (channels % QUAD === 0) return channels / QUAD;
  throw new Error(`${what} ${channels} is not a multiple of ${QUAD}`);
}

/** Whether channels `first` to `first + channels` of rows of `pitch` can be read as vectors of four. */
export function readsAsQuads(first: number, channels: number, pitch: number): boolean {
  return [first, channels, pitch].every((count) => count % QUAD === 0);
}

/**
 * Pitch and first channel in vectors of four, for rows [R, `pitch`] of which `channels` from `first`
 * on are read; both 0 for an absent tensor. Throws if it has other rows or not those channels.
 */
export function rowSlice(
  name: string,
  shape: Shape,
  rows: number,
  channels: number,
  first: number,
): { readonly pitch: number; readonly first: number } {
  if (isAbsent(shape)) return { pitch: 0, first: 0 };
  const pitch = shape.at(-1) ?? 0;
  if (size(shape.slice(0, -1)) !== rows || first < 0 || first + channels > pitch) {
    throw new Error(
      `${name} ${formatShape(shape)} does not hold channels ${first} to ${first + channels} of ${rows} rows`,
    );
  }
  return {
    pitch: quads(`the pitch of ${name}`, pitch),
    first: quads(`the first channel of ${name}`, first),
  };
}

/** Shape [0]: an input that was left out. */
export function isAbsent(shape: Shape): boolean {
  return shape.length === 1 && shape[0] === 0;
}

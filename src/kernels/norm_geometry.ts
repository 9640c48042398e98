// The geometry of a normalisation: x as [B, P, C], and the slices in which its sums are taken.
import { size, type Shape } from "../tensor/shape.ts";

/** Which elements share statistics, and the number added to the variance. */
export interface NormAttributes {
  /** B: the leading axes of x make B batches, each with its own statistics. */
  readonly batches: number;
  /** G: groups of channels, each with its own statistics. */
  readonly groups: number;
  readonly epsilon: number;
}

/** Geometry of x as [B, P, C]. */
export interface NormGeometry {
  readonly batches: number;
  readonly pixels: number;
  readonly channels: number;
  readonly groups: number;
  /** S, fixed by the shape alone so that the order of the sums is fixed too. */
  readonly slabs: number;
}

// Enough invocations to fill a GPU, and slices long enough that their sums are cheap to merge.
const INVOCATIONS = 8192;
const MIN_SLAB_PIXELS = 16;

/** The geometry of a normalisation; throws if batches or groups do not divide x. */
export function normGeometry(x: Shape, { batches, groups }: NormAttributes): NormGeometry {
  const channels = x.at(-1) ?? 0;
  const rows = size(x.slice(0, -1));
  if (batches < 0 || (batches === 0 ? rows > 0 : rows % batches !== 0)) {
    throw new Error(`${batches} batches do not divide the ${rows} rows of [${x.join(", ")}]`);
  }
  checkGroups(channels, groups);
  const pixels = batches === 0 ? 0 : rows / batches;
  const wanted = Math.max(1, Math.floor(INVOCATIONS / Math.max(1, batches * groups)));
  const most = Math.max(1, Math.floor(pixels / MIN_SLAB_PIXELS));
  return { batches, pixels, channels, groups, slabs: Math.min(wanted, most) };
}

/** Throws unless the groups divide the channels. */
export function checkGroups(channels: number, groups: number): void {
  if (groups < 1 || channels % groups !== 0) {
    throw new Error(`${groups} groups do not divide ${channels} channels`);
  }
}

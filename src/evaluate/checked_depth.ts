// Checks that every pixel of a predicted depth is a distance. A number that is not finite shows
// that the student or the adapter is broken, and no metric may average it away.
import type { ImageSize } from "../data/camera.ts";
import { printable } from "../tensor/printable.ts";

/** A predicted depth is not finite or not above 0: the result is wrong, whatever the input. */
export class WrongDepthError extends Error {
  override name = "WrongDepthError";
}

/**
 * Throws WrongDepthError, naming `where`, camera and pixel, at the first of the depths `[V, H, W]`
 * that is not a distance: NaN, infinite, negative or 0.
 */
export function checkDepths(
  depth_m: Float32Array | Float64Array,
  { height, width }: ImageSize,
  cameras: readonly string[],
  where: string,
): void {
  const bad = countBefore(depth_m);
  if (bad === depth_m.length) return;
  const camera = cameras[Math.floor(bad / (height * width))];
  const row = Math.floor(bad / width) % height;
  throw new WrongDepthError(
    printable(
      `${where}, camera ${camera}: the predicted depth at row ${row}, column ${bad % width} of ` +
        `${height}x${width} is ${depth_m[bad]} m, not a distance`,
    ),
  );
}

/**
 * How many depths come before the first that is not a distance. A function of its own: compiled
 * during a loop, the code after that loop is unknown to V8, which would discard its work each time.
 */
function countBefore(depth_m: Float32Array | Float64Array): number {
  // A loop: a call per pixel takes several times as long, and so does a read past the end.
  let bad = 0;
  while (bad < depth_m.length && depth_m[bad] > 0 && depth_m[bad] < Infinity) bad++;
  return bad;
}

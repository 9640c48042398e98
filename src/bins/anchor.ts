// LiDAR-anchored bins: bin centres corrected at run time from a few measured depths, without training
// and without a gradient (src/distill/README.md). Probabilities carry no scale, so metres may be
// solved again: c'_k(u) = c_k(u) exp f(u). The factor is the same for all bins of a pixel, so centres
// keep their order, and depth becomes d'(u) = d(u) exp f(u), exactly.
import { InputError } from "../tensor/error.ts";
import { multiplyByField, type Field, type ViewDepth } from "./anchor_field.ts";
import { fitField } from "./anchor_fit.ts";
import { location, shrunkScales, type Location } from "./anchor_scale.ts";

/** Measured depths of one view: `row * W + column` of each pixel, and its z-depth in metres. */
export interface Anchors {
  readonly pixels: Uint32Array;
  readonly depth_m: Float32Array;
}

/** Predicted depth maps `[V, H, W]` in metres and their sizes. */
export interface AnchoredMaps {
  readonly depth_m: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** No correction, one factor per view, or a factor that varies over image and distance. */
export type CorrectionKind = "none" | "scale" | "smooth";

/** The correction of one view. */
export interface Correction {
  readonly kind: CorrectionKind;
  /** Number of points it was fitted to. */
  readonly points: number;
  /** Factor of the whole view; 1 where there is no correction. A smooth one varies around it. */
  readonly factor: number;
  /** ln of the factors of a smooth correction. */
  readonly field: Field | null;
}

/** Fewer points than this say nothing about a view. */
const SCALE_POINTS = 4;
/** From this number of points on a correction may vary over the view. */
const SMOOTH_POINTS = 16;

/**
 * The correction of each view from its anchors. Views share what they agree on: the scale of each is
 * drawn towards that of the rig, and that towards 1, each as far as its standard error says. Throws
 * InputError for an anchor outside the map and for a depth that is not a distance.
 */
export function fitCorrections(maps: AnchoredMaps, anchors: readonly Anchors[]): Correction[] {
  const residuals = anchors.map((own, view) => logResiduals(maps, own, view));
  const used = residuals.map((r) => r.length >= SCALE_POINTS);
  const known: (Location | null)[] = residuals.map((r, view) => (used[view] ? location(r) : null));
  const scales = shrunkScales(known);
  return anchors.map((own, view) => {
    const points = used[view] ? own.pixels.length : 0;
    const log_factor = scales[view];
    const factor = Math.exp(log_factor);
    if (points === 0) return { kind: "none", points, factor: 1, field: null };
    if (points < SMOOTH_POINTS) return { kind: "scale", points, factor, field: null };
    const map = viewMap(maps, view);
    const field = fitField(map, own.pixels, residuals[view], log_factor);
    return { kind: "smooth", points, factor, field };
  });
}

/** Corrected depth maps. */
export interface Corrected {
  /** `[V, H, W]` in metres; a view without correction keeps its bits. */
  readonly depth_m: Float32Array;
  /** Whether all of them are known to be finite and above 0; false where one may not be. */
  readonly areDistances: boolean;
}

/** Applies the correction of each view. */
export function applyCorrections(
  maps: AnchoredMaps,
  corrections: readonly Correction[],
): Corrected {
  let areDistances = true;
  const corrected = maps.depth_m.slice();
  const plane = maps.height * maps.width;
  corrections.forEach(({ kind, factor, field }, view) => {
    const own = corrected.subarray(view * plane, (view + 1) * plane);
    if (field === null) {
      areDistances = false;
      if (kind === "none") return;
      for (let pixel = 0; pixel < plane; pixel++) own[pixel] *= factor;
      return;
    }
    const view_m = { depth_m: own, height: maps.height, width: maps.width };
    areDistances = multiplyByField(field, view_m) && areDistances;
  });
  return { depth_m: corrected, areDistances };
}

function viewMap({ depth_m, height, width }: AnchoredMaps, view: number): ViewDepth {
  const plane = height * width;
  return { depth_m: depth_m.subarray(view * plane, (view + 1) * plane), height, width };
}

/** ln measured - ln predicted at each anchor. */
function logResiduals(
  maps: AnchoredMaps,
  { pixels, depth_m }: Anchors,
  view: number,
): Float64Array {
  const { height, width } = maps;
  const plane = height * width;
  const residuals = new Float64Array(pixels.length);
  // A loop: a call per point takes twice as long.
  for (let i = 0; i < pixels.length; i++) {
    const pixel = pixels[i];
    if (pixel >= plane) {
      throw new InputError(
        `anchor ${i} of view ${view}: pixel ${pixel} is outside ${height}x${width}`,
      );
    }
    const predicted_m = maps.depth_m[view * plane + pixel];
    if (!isDistance(depth_m[i]) || !isDistance(predicted_m)) {
      throw new InputError(
        `anchor ${i} of view ${view}: depths are ${depth_m[i]} m measured and ${predicted_m} m ` +
          `predicted; expected numbers above 0`,
      );
    }
    residuals[i] = Math.log(depth_m[i] / predicted_m);
  }
  return residuals;
}

function isDistance(depth_m: number): boolean {
  return depth_m > 0 && depth_m < Infinity;
}

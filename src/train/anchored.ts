// Predictions anchored to the LiDAR of their own moment: which points are drawn, the correction per
// view, and the truth that is left to evaluate with. A point is never both anchor and truth.
import { applyCorrections, fitCorrections, type Anchors, type Correction } from "../bins/anchor.ts";
import type { DepthProtocol } from "../data/data_source.ts";
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type GroundTruth, type RigSample } from "../data/rig_sample.ts";
import { checkDepths } from "../evaluate/checked_depth.ts";
import { hashText, randomStream } from "../tensor/random.ts";

/** The correction of one camera as commands print it. */
export interface AnchoredView extends Pick<Correction, "kind" | "points" | "factor"> {
  readonly camera: string;
}

/** The anchored prediction of one moment. */
export interface AnchoredMoment {
  /** `[V, H, W]` corrected depth in metres; a view without points keeps its depth. */
  readonly depth_m: Float32Array;
  readonly views: readonly AnchoredView[];
  /** The truth of the sample without the pixels that were anchors; computed when it is asked for. */
  readonly groundTruth: () => readonly GroundTruth[];
}

const SEED = hashText("anchors");

/**
 * Corrects the prediction `[V, H, W]` in metres of a sample from at most `points` of its LiDAR
 * points per view, the same ones in every run. Throws WrongDepthError if a corrected depth is not a
 * distance.
 */
export function anchored(
  sample: RigSample,
  predicted_m: Float32Array,
  { min_m, cap_m }: Pick<DepthProtocol, "min_m" | "cap_m">,
  points: number,
): AnchoredMoment {
  const [, height, width] = sampleShape(sample);
  const size = { height, width };
  const maps = { ...size, depth_m: predicted_m };
  const anchors = sample.cameras.map((camera, view) => {
    const candidates = measured(sample, view, min_m, cap_m);
    return draw(candidates, points, randomStream(SEED, hashText(sample.id), hashText(camera.name)));
  });
  const corrections = fitCorrections(maps, anchors);
  const depth_m = applyCorrections(maps, corrections);
  const names = sample.cameras.map(({ name }) => name);
  checkDepths(depth_m, size, names, `moment ${sample.id}, anchored`);
  return {
    depth_m,
    views: corrections.map(({ kind, points: used, factor }, view) => {
      return { camera: names[view], points: used, kind, factor };
    }),
    groundTruth: () =>
      sample.groundTruth.map((truth, view) => withoutAnchors(truth, anchors[view].pixels, size)),
  };
}

/** The usable pixels of a view with a LiDAR depth in range. */
function measured(
  { cameras, sparse_depth_m, usable }: RigSample,
  view: number,
  min_m: number,
  cap_m: number,
): Anchors {
  const plane = cameras[view].height * cameras[view].width;
  const own = sparse_depth_m.subarray(view * plane, (view + 1) * plane);
  const pixels: number[] = [];
  for (let pixel = 0; pixel < plane; pixel++) {
    const depth_m = own[pixel];
    if (depth_m > min_m && depth_m < cap_m && usable[view * plane + pixel] === 1)
      pixels.push(pixel);
  }
  return { pixels: Uint32Array.from(pixels), depth_m: Float32Array.from(pixels, (p) => own[p]) };
}

/** At most `count` of the candidates, each as likely as any other, in ascending order. */
function draw(
  { pixels, depth_m }: Anchors,
  count: number,
  random: { readonly uniform: () => number },
): Anchors {
  const lots = Float64Array.from(pixels, () => random.uniform());
  if (count >= lots.length) return { pixels, depth_m };
  const drawn: number[] = [];
  const last = lots.toSorted()[count - 1];
  // Equal lots: the first of them are drawn.
  let ties = count - lots.reduce((below, lot) => below + (lot < last ? 1 : 0), 0);
  lots.forEach((lot, index) => {
    if (lot < last || (lot === last && ties-- > 0)) drawn.push(index);
  });
  return {
    pixels: Uint32Array.from(drawn, (index) => pixels[index]),
    depth_m: Float32Array.from(drawn, (index) => depth_m[index]),
  };
}

/** The truth outside the anchored pixels of a map of `size`: no pixel that overlaps one remains. */
function withoutAnchors(truth: GroundTruth, anchors: Uint32Array, size: ImageSize): GroundTruth {
  const taken = new Uint8Array(size.height * size.width);
  for (const pixel of anchors) taken[pixel] = 1;
  const sx = size.width / truth.width;
  const sy = size.height / truth.height;
  const isFree = (pixel: number): boolean => {
    const column = pixel % truth.width;
    const row = Math.floor(pixel / truth.width);
    const right = Math.ceil((column + 1) * sx);
    const bottom = Math.ceil((row + 1) * sy);
    for (let y = Math.floor(row * sy); y < bottom; y++) {
      for (let x = Math.floor(column * sx); x < right; x++) {
        if (taken[y * size.width + x] === 1) return false;
      }
    }
    return true;
  };
  const free: number[] = [];
  truth.pixels.forEach((pixel, i) => {
    if (isFree(pixel)) free.push(i);
  });
  return {
    ...truth,
    pixels: Uint32Array.from(free, (i) => truth.pixels[i]),
    depth_m: Float32Array.from(free, (i) => truth.depth_m[i]),
  };
}

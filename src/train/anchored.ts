// Predictions anchored to the LiDAR of their own moment: which points are drawn, the correction per
// view, and the truth that is left to evaluate with. A point is never both anchor and truth.
import { applyCorrections, fitCorrections, type Anchors, type Correction } from "../bins/anchor.ts";
import { select } from "../bins/anchor_scale.ts";
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
 * At most `points` LiDAR points of each view of a sample, the same ones in every run. They depend on
 * no prediction, so they may be drawn while a GPU predicts.
 */
export function drawAnchors(
  sample: RigSample,
  { min_m, cap_m }: Pick<DepthProtocol, "min_m" | "cap_m">,
  points: number,
): Anchors[] {
  return sample.cameras.map((camera, view) => {
    const candidates = measured(sample, view, min_m, cap_m);
    return draw(candidates, points, randomStream(SEED, hashText(sample.id), hashText(camera.name)));
  });
}

/**
 * Corrects the prediction `[V, H, W]` in metres of a sample with the anchors of its views. Throws
 * WrongDepthError if a corrected depth is not a distance.
 */
export function anchored(
  sample: RigSample,
  predicted_m: Float32Array,
  anchors: readonly Anchors[],
): AnchoredMoment {
  const [, height, width] = sampleShape(sample);
  const size = { height, width };
  const maps = { ...size, depth_m: predicted_m };
  const corrections = fitCorrections(maps, anchors);
  const { depth_m, areDistances } = applyCorrections(maps, corrections);
  const names = sample.cameras.map(({ name }) => name);
  if (!areDistances) checkDepths(depth_m, size, names, `moment ${sample.id}, anchored`);
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
  const own_m = sparse_depth_m.subarray(view * plane, (view + 1) * plane);
  const own_usable = usable.subarray(view * plane, (view + 1) * plane);
  const pixels = new Uint32Array(plane);
  let count = 0;
  // Most pixels have no depth: one comparison each.
  for (let pixel = 0; pixel < plane; pixel++) if (own_m[pixel] > min_m) pixels[count++] = pixel;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const pixel = pixels[i];
    if (own_m[pixel] < cap_m && own_usable[pixel] === 1) pixels[kept++] = pixel;
  }
  const found = pixels.slice(0, kept);
  const depth_m = new Float32Array(kept);
  for (let i = 0; i < kept; i++) depth_m[i] = own_m[found[i]];
  return { pixels: found, depth_m };
}

/** At most `count` of the candidates, each as likely as any other, in ascending order. */
function draw(
  { pixels, depth_m }: Anchors,
  count: number,
  random: { readonly uniform: () => number },
): Anchors {
  if (count >= pixels.length) return { pixels, depth_m };
  const lots = new Float64Array(pixels.length);
  for (let i = 0; i < lots.length; i++) lots[i] = random.uniform();
  const last = select(lots.slice(), count - 1);
  // Equal lots: the first of them are drawn.
  let ties = count;
  for (const lot of lots) if (lot < last) ties--;
  const drawn = { pixels: new Uint32Array(count), depth_m: new Float32Array(count) };
  let next = 0;
  for (let i = 0; i < lots.length; i++) {
    if (lots[i] > last || (lots[i] === last && ties-- <= 0)) continue;
    drawn.pixels[next] = pixels[i];
    drawn.depth_m[next++] = depth_m[i];
  }
  return drawn;
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

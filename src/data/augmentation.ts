// Colour jitter as in the SurroundDepth lineage: brightness, contrast and saturation 0.2, hue 0.1,
// half of the time. All views of a moment share one draw, keyed by (seed, epoch, sample), so the
// step is the only state.
import { hashText, permutation, randomStream } from "../tensor/random.ts";

/** One draw: the factors, and the order in which the four changes are applied. */
export interface ColorJitter {
  /** Factor of every value. */
  readonly brightness: number;
  /** Factor of the distance from the view's mean grey. */
  readonly contrast: number;
  /** Factor of the distance from the pixel's own grey. */
  readonly saturation: number;
  /** Rotation of the hue; 1 is a full turn. */
  readonly hue: number;
  readonly order: readonly ColorChange[];
}

type ColorChange = "brightness" | "contrast" | "saturation" | "hue";

const CHANGES: readonly ColorChange[] = ["brightness", "contrast", "saturation", "hue"];
const PROBABILITY = 0.5;
const FACTOR_RANGE = 0.2;
const HUE_RANGE = 0.1;
// Keeps these draws apart from every other use of the same seed.
const KEY = hashText("colour jitter");

/** The jitter of a sample in an epoch; null if its random draw says none. */
export function drawJitter(seed: number, epoch: number, sampleId: string): ColorJitter | null {
  const keys = [KEY, seed, epoch, hashText(sampleId)];
  const stream = randomStream(...keys);
  if (stream.uniform() >= PROBABILITY) return null;
  const factor = (): number => 1 + FACTOR_RANGE * (2 * stream.uniform() - 1);
  return {
    brightness: factor(),
    contrast: factor(),
    saturation: factor(),
    hue: HUE_RANGE * (2 * stream.uniform() - 1),
    // Separate keys: a permutation drawn from the coin's numbers would depend on how the coin fell.
    order: permutation(CHANGES.length, ...keys, 1).map((i) => CHANGES[i]),
  };
}

/** Applies a draw in place to `rgb` `[V, H, W, 3]` in 0..1; every change clamps to 0..1. */
export function jitterColors(rgb: Float32Array, views: number, jitter: ColorJitter): void {
  const length = rgb.length / views;
  for (let view = 0; view < views; view++) {
    const image = rgb.subarray(view * length, (view + 1) * length);
    for (const change of jitter.order) {
      if (change === "brightness") blend(image, jitter.brightness, 0);
      else if (change === "contrast") blend(image, jitter.contrast, meanGrey(image));
      else if (change === "saturation") saturate(image, jitter.saturation);
      else turnHue(image, jitter.hue);
    }
  }
}

/** Luma of ITU-R BT.601, the weights that image libraries use for grey. */
function grey(r: number, g: number, b: number): number {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

function meanGrey(image: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < image.length; i += 3) sum += grey(image[i], image[i + 1], image[i + 2]);
  return (3 * sum) / image.length;
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

function blend(image: Float32Array, factor: number, level: number): void {
  const offset = (1 - factor) * level;
  for (let i = 0; i < image.length; i++) image[i] = clamp(offset + factor * image[i]);
}

function saturate(image: Float32Array, factor: number): void {
  for (let i = 0; i < image.length; i += 3) {
    const offset = (1 - factor) * grey(image[i], image[i + 1], image[i + 2]);
    image[i] = clamp(offset + factor * image[i]);
    image[i + 1] = clamp(offset + factor * image[i + 1]);
    image[i + 2] = clamp(offset + factor * image[i + 2]);
  }
}

/** Rotates the hue in HSV; saturation and value stay. */
function turnHue(image: Float32Array, turns: number): void {
  // From 0 to 6, so that no remainder below is negative.
  const turned = (((6 * turns) % 6) + 6) % 6;
  for (let i = 0; i < image.length; i += 3) {
    const r = image[i];
    const g = image[i + 1];
    const b = image[i + 2];
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    if (chroma === 0) continue;
    let sixths: number;
    if (value === r) sixths = 6 + (g - b) / chroma;
    else if (value === g) sixths = 2 + (b - r) / chroma;
    else sixths = 4 + (r - g) / chroma;
    // Each channel follows the hue at the phase of its own primary colour.
    image[i] = value - chroma * drop(5 + sixths + turned);
    image[i + 1] = value - chroma * drop(3 + sixths + turned);
    image[i + 2] = value - chroma * drop(1 + sixths + turned);
  }
}

/**
 * Distance of a channel below the value, in units of the chroma, at `sixths` of a turn from its
 * start.
 */
function drop(sixths: number): number {
  const k = sixths % 6;
  return Math.max(0, Math.min(k, 4 - k, 1));
}

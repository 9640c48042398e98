// The surfaces of the built-in street: procedural textures in world units, so that their scale is a
// cue for distance. Colours are linear light in 0..1. Shapes are solids.ts.
import type { Hit, Solid } from "./solids.ts";

/** Linear red, green and blue. */
export type Color = readonly [number, number, number];

/** A solid and its material. */
export interface DressedSolid extends Solid {
  readonly material: Material;
}

/** The kinds of surface; each has its texture below. */
export type Surface = "facade" | "paint" | "cabin" | "polish" | "leaves" | "plain";

/** The material of a solid. */
export interface Material {
  readonly surface: Surface;
  readonly color: Color;
  /** Makes two solids with the same surface look different. */
  readonly seed: number;
  /** Facade: width of a window bay and height of a floor, metres; else unused. */
  readonly bay_m: number;
  readonly floor_m: number;
}

/** Ground of the street: distances from its middle line, metres. */
export interface Ground {
  readonly seed: number;
  /** Half the width of the roadway, where the kerbs are. */
  readonly roadHalf_m: number;
  /** From the middle line to the outer edge of the pavements. */
  readonly pavementHalf_m: number;
  /** Middle of the side street along x, and half its width (0 = none). */
  readonly crossing_m: number;
  readonly crossingHalf_m: number;
  /** Lane lines: distance from the middle line (0 = the middle line alone). */
  readonly lane_m: number;
  /** Colour beyond the pavements. */
  readonly verge: Color;
}

/** Result of a texture: colour, and the share of light that is mirrored sky (glass, paint). */
export interface Look {
  r: number;
  g: number;
  b: number;
  mirror: number;
}

/** Smooth noise of the plane in 0..1: hashed lattice values, blended with a smooth step. */
export function noise(x: number, y: number, seed: number): number {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const fx = x - column;
  const fy = y - row;
  const u = fx * fx * (3 - 2 * fx);
  const v = fy * fy * (3 - 2 * fy);
  const top = lattice(column, row, seed) * (1 - u) + lattice(column + 1, row, seed) * u;
  const bottom = lattice(column, row + 1, seed) * (1 - u) + lattice(column + 1, row + 1, seed) * u;
  return top * (1 - v) + bottom * v;
}

/** A number in 0..1 for each lattice point: one round of integer mixing is fast and good enough. */
function lattice(column: number, row: number, seed: number): number {
  let h = Math.imul(column, 0x27d4eb2f) ^ Math.imul(row, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return ((h ^ (h >>> 13)) >>> 0) / 2 ** 32;
}

const fraction = (x: number): number => x - Math.floor(x);

/** The visible share, 0..1, of a detail of `detail_m` in a pixel that covers `footprint_m`. */
function visible(detail_m: number, footprint_m: number): number {
  return Math.min(1, Math.max(0, 1.5 - footprint_m / detail_m));
}

function set(look: Look, r: number, g: number, b: number, gain: number, mirror: number): void {
  look.r = r * gain;
  look.g = g * gain;
  look.b = b * gain;
  look.mirror = mirror;
}

/** Look of the ground at (x, y) of the street frame, seen by a pixel that covers `footprint_m`. */
export function groundLook(
  ground: Ground,
  x: number,
  y: number,
  footprint_m: number,
  look: Look,
): void {
  const { seed, roadHalf_m, pavementHalf_m } = ground;
  const aside = Math.abs(y);
  const along = Math.abs(x - ground.crossing_m);
  const broad = 0.8 + 0.4 * noise(x * 0.35, y * 0.35, seed);
  const grain = 1 + 0.5 * visible(0.12, footprint_m) * (noise(x * 9, y * 9, seed + 1) - 0.5);
  if (aside < roadHalf_m || along < ground.crossingHalf_m) {
    const worn = 1 + 0.25 * (noise(x * 0.08, y * 1.6, seed + 2) - 0.5);
    set(look, 0.098, 0.1, 0.106, broad * grain * worn, 0);
    if (isMarked(ground, x, aside, along)) {
      const paint = 0.62 * (0.75 + 0.35 * noise(x * 4, y * 4, seed + 3));
      set(look, paint, paint, paint, 1, 0);
    }
  } else if (aside < roadHalf_m + 0.25) {
    set(look, 0.42, 0.42, 0.4, grain, 0);
  } else if (aside < pavementHalf_m) {
    const joint = fraction(x / 0.9) < 0.05 || fraction(y / 0.9) < 0.05;
    const slab = 0.88 + 0.24 * lattice(Math.floor(x / 0.9), Math.floor(y / 0.9), seed + 4);
    const fade = visible(0.5, footprint_m);
    const gain = 1 + fade * ((joint ? 0.6 : slab) - 1);
    set(look, 0.3, 0.285, 0.26, gain * grain * (0.9 + 0.1 * broad), 0);
  } else {
    const tuft = 1 + 0.7 * visible(0.3, footprint_m) * (noise(x * 5, y * 5, seed + 5) - 0.5);
    set(look, ground.verge[0], ground.verge[1], ground.verge[2], broad * tuft, 0);
  }
}

function isMarked(ground: Ground, x: number, aside: number, along: number): boolean {
  const { roadHalf_m, crossingHalf_m, lane_m } = ground;
  if (crossingHalf_m > 0 && along < crossingHalf_m + 4.5) {
    // Zebra stripes lie across the street just before the side street; inside it there are none.
    const zebra = along > crossingHalf_m + 1 && along < crossingHalf_m + 4;
    return zebra && aside < roadHalf_m - 0.3 && fraction(aside + 0.25) < 0.5;
  }
  if (Math.abs(aside - roadHalf_m + 0.35) < 0.07) return true;
  const dash = fraction(x / 9) < 0.4;
  return dash && (aside < 0.08 || (lane_m > 0 && Math.abs(aside - lane_m) < 0.07));
}

/**
 * Look of a wall at `across` metres along it and `height` metres up: brick or plaster, rows of
 * windows of one size per building, a shop front on the ground floor.
 */
function facadeLook(
  material: Material,
  across: number,
  height: number,
  footprint_m: number,
  look: Look,
): void {
  const { seed, color } = material;
  const bay = across / material.bay_m;
  const floor = height / material.floor_m;
  const u = fraction(bay);
  const v = fraction(floor);
  const chance = lattice(Math.floor(bay), Math.floor(floor), seed);
  const shop = floor < 1;
  const inside = shop
    ? u > 0.07 && u < 0.93 && v > 0.14 && v < 0.76
    : u > 0.24 && u < 0.76 && v > 0.26 && v < 0.82;
  if (inside) {
    const cross = !shop && Math.abs(u - 0.5) < 0.018;
    if (cross) set(look, 0.6, 0.58, 0.54, 1, 0);
    else if (!shop && chance > 0.72) set(look, 0.5, 0.46, 0.38, 0.6 + 0.4 * v, 0.15);
    else set(look, 0.03, 0.035, 0.045, shop ? 1.6 : 1, 0.42);
    return;
  }
  if (shop && v > 0.8) {
    // The sign board above a shop takes its colour from the bay.
    set(look, 0.12 + 0.6 * chance, 0.55 - 0.4 * chance, 0.15 + 0.4 * fraction(7 * chance), 0.6, 0);
    return;
  }
  const frame = shop ? u < 0.1 || u > 0.9 : u > 0.2 && u < 0.8 && v > 0.22 && v < 0.86;
  const cornice = v > 0.95;
  const course =
    fraction(height / 0.3) < 0.16 ||
    fraction(across / 0.62 + Math.floor(height / 0.3) * 0.5) < 0.08;
  const brick = 1 - (course ? 0.28 : 0) * visible(0.22, footprint_m);
  const stain = 0.78 + 0.44 * noise(across * 0.6, height * 0.35, seed);
  const gain = brick * stain * (cornice ? 1.35 : 1) * (frame ? 1.3 : 1);
  set(look, color[0], color[1], color[2], gain, 0);
}

/** Look of the point `hit` of a solid's surface. */
export function solidLook(solid: DressedSolid, hit: Hit, footprint_m: number, look: Look): void {
  const { halfX, halfY, halfZ, material } = solid;
  const { x, y, z, axis } = hit;
  const { color, seed } = material;
  const [r, g, b] = color;
  switch (material.surface) {
    case "facade":
      if (axis === 2) set(look, 0.16, 0.14, 0.13, 1, 0);
      else facadeLook(material, axis === 0 ? y + halfY : x + halfX, z + halfZ, footprint_m, look);
      return;
    case "paint":
      if (axis === 0 && Math.abs(y) > halfY * 0.62 && z > -0.05 && z < 0.17) {
        // Lamps: white ahead, red behind.
        if (x > 0) set(look, 0.9, 0.9, 0.82, 1, 0.2);
        else set(look, 0.62, 0.03, 0.02, 1, 0.1);
      } else if (axis === 0 && Math.abs(y) < 0.27 && Math.abs(z) < 0.07) {
        set(look, 0.75, 0.75, 0.7, 1, 0);
      } else if (z < -halfZ * 0.68) {
        set(look, 0.03, 0.03, 0.032, 1, 0.05);
      } else {
        const seam = axis === 1 && Math.abs(fraction(x / 1.1) - 0.5) < 0.012;
        set(look, r, g, b, seam ? 0.5 : 1, 0.16);
      }
      return;
    case "cabin": {
      const across = axis === 0 ? Math.abs(y) / halfY : Math.abs(x) / halfX;
      const pillar = across > 0.9 || (axis === 1 && Math.abs(across - 0.08) < 0.05);
      if (axis === 2 || pillar || z > halfZ * 0.82) set(look, r, g, b, 1, 0.16);
      else set(look, 0.02, 0.023, 0.028, 1, 0.4);
      return;
    }
    case "polish":
      set(look, r, g, b, 1, 0.22);
      return;
    case "leaves": {
      const clump = noise(x * 2.2 + z * 1.3, y * 2.2 - z * 1.7, seed);
      const leaf = noise((x + z) * 9, (y - z) * 9, seed + 1) - 0.5;
      set(look, r, g, b, 0.45 + 0.9 * clump + 0.9 * visible(0.12, footprint_m) * leaf, 0);
      return;
    }
    default: {
      const streak = 0.85 + 0.3 * noise(x * 6 + y * 6, z * 1.5, seed);
      set(look, r, g, b, streak, 0);
    }
  }
}

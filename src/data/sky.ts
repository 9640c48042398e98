// Light and air of the built-in street: sun, sky with clouds, haze.
import { noise, type Color } from "./materials.ts";
import type { Vector } from "./pose.ts";

/** The weather of one moment. Colours are linear light. */
export interface Sky {
  /** Unit vector towards the sun, street frame. */
  readonly sun: Vector;
  readonly sunlight: Color;
  readonly zenith: Color;
  readonly horizon: Color;
  /** Distance in metres at which haze has replaced 63 % of a surface's own light. */
  readonly haze_m: number;
  /** Share of the sky under cloud, 0..1. */
  readonly cloud: number;
  readonly seed: number;
}

/** Writes the sky's light from the unit direction (x, y, z) into `out`; below the horizon, haze. */
export function skyLight(sky: Sky, x: number, y: number, z: number, out: Float64Array): void {
  const { zenith, horizon, sun, sunlight } = sky;
  const up = Math.max(0, z);
  const blue = 1 - (1 - up) ** 4;
  const towards = Math.max(0, x * sun[0] + y * sun[1] + z * sun[2]);
  const glow = 0.12 * towards ** 24 + 0.05 * towards ** 3;
  let cover = 0;
  if (up > 0.02) {
    // Clouds lie on a plane overhead, so they crowd towards the horizon as real ones do.
    const u = (x / (up + 0.12)) * 1.3;
    const v = (y / (up + 0.12)) * 1.3;
    const puff =
      0.55 * noise(u, v, sky.seed) +
      0.3 * noise(u * 2.3, v * 2.3, sky.seed + 1) +
      0.15 * noise(u * 5.1, v * 5.1, sky.seed + 2);
    const edge = (puff - (0.78 - 0.55 * sky.cloud)) / 0.16;
    cover = Math.min(1, Math.max(0, edge)) * Math.min(1, (up - 0.02) * 8) * 0.85;
  }
  for (let channel = 0; channel < 3; channel++) {
    const clear = horizon[channel] + (zenith[channel] - horizon[channel]) * blue;
    const white = 0.55 + 0.3 * sunlight[channel];
    out[channel] = clear + (white - clear) * cover + glow * sunlight[channel];
  }
}

/** Light that falls from the whole sky on a surface whose normal has this z, into `out`. */
export function ambientLight(sky: Sky, normalZ: number, out: Float64Array): void {
  const open = 0.5 + 0.5 * normalZ;
  for (let channel = 0; channel < 3; channel++) {
    const above = 0.5 * (sky.zenith[channel] + sky.horizon[channel]) + 0.15 * sky.cloud;
    // The street itself reflects a fifth of the light that falls on it.
    const below = 0.2 * (above + 0.5 * sky.sunlight[channel]);
    out[channel] = below + (above - below) * open;
  }
}

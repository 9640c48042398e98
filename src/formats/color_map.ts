// Maps numbers to colours exactly as matplotlib does, so that pictures can be compared with those
// in papers. Tables are in color_map_tables.ts; the caller chooses the range.
import { COLOR_TABLES } from "./color_map_tables.ts";

/** The maps that depth papers use; low values are Spectral_r's and turbo's blue, magma's black. */
export type ColorMap = "Spectral_r" | "magma" | "turbo";

/** An sRGB colour of three bytes. */
export type Rgb = readonly [number, number, number];

/** The mapping from values to colours. */
export interface Coloring {
  readonly map: ColorMap;
  /** The value of the first colour; smaller ones take it too. */
  readonly low: number;
  /** The value of the last colour; larger ones take it too. */
  readonly high: number;
  /** The colour of NaN and of `none`. */
  readonly invalid: Rgb;
  /** The value that means "no value", e.g. 0 in a depth map; by default only NaN does. */
  readonly none?: number;
}

/**
 * The colours of `values [N]` as `[N, 3]` bytes. The index is trunc(256 x), x from 0 at `low` to 1
 * at `high`, 1 itself taking the last (matplotlib `Normalize`, `Colormap.__call__`); if `low ==
 * high`, all values take the first. Throws unless `low <= high` are finite.
 */
export function colorize(values: ArrayLike<number>, coloring: Coloring): Uint8Array {
  const { map, low, high, invalid, none } = coloring;
  if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) {
    throw new Error(`colorize: range from ${low} to ${high}`);
  }
  const table = colors(map);
  const range = high > low ? high - low : 1;
  const rgb = new Uint8Array(values.length * 3);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value) || value === none) {
      rgb.set(invalid, i * 3);
      continue;
    }
    const x = (Math.min(high, Math.max(low, value)) - low) / range;
    const index = Math.min(255, Math.trunc(x * 256));
    for (let channel = 0; channel < 3; channel++) {
      rgb[i * 3 + channel] = table[index * 3 + channel];
    }
  }
  return rgb;
}

const decoded = new Map<ColorMap, Uint8Array>();

/** The 256 colours of a map, `[256, 3]`, low to high. */
export function colors(map: ColorMap): Uint8Array {
  let table = decoded.get(map);
  if (!table) {
    table = Uint8Array.from(COLOR_TABLES[map].match(/../g)!, (hex) => parseInt(hex, 16));
    decoded.set(map, table);
  }
  return table;
}

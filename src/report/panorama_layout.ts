// The layout of the panorama: a grid of cells with camera names above, row names at the left and
// scale bars below. Letters are large, because the picture is often viewed at half its size.
import type { ImageSize } from "../data/camera.ts";
import type { Rgb } from "../formats/color_map.ts";
import { depthColors, type DepthScale } from "./depth_colors.ts";
import { ERROR_LIMIT, errorScaleColors } from "./panorama_cells.ts";
import { blankPicture, overlaySvg, paste, type Picture } from "./picture.ts";
import { strokeText, textWidth } from "./stroke_text.ts";

/** A column of the panorama, left to right. */
export interface PanoramaColumn {
  readonly name: string;
  /** The camera's direction, degrees to the left of straight ahead. */
  readonly yaw_deg: number;
}

/** A row of the panorama: one cell per column, all of the same size. */
export interface PanoramaRow {
  readonly label: string;
  readonly cells: readonly Picture[];
}

/** The contents to lay out. */
export interface PanoramaGrid {
  readonly columns: readonly PanoramaColumn[];
  readonly rows: readonly PanoramaRow[];
  /** Size of every cell. */
  readonly cell: ImageSize;
  readonly scale: DepthScale;
  /** Whether to draw the scale bar of errors. */
  readonly showsError: boolean;
}

const BACKGROUND: Rgb = [13, 15, 19];
const GAP = 4;
const GUTTER = 36;
const HEAD = 42;
const BAR_HEIGHT = 14;
// A scale bar with its ticks below; two are side by side if there is room.
const BAR_LINE = 60;
const SIDE_BY_SIDE = 1100;
const TITLE_WIDTH = 150;
// Room beyond the last tick for half of its text.
const BAR_MARGIN = 76;

const INK = "#e6e9ef";
const FAINT = "#a3acb9";
// Heights of capitals: names of cameras, everything else.
const LARGE = 14;
const SMALL = 11.5;

interface Bar {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly title: string;
  readonly colors: Uint8Array;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

/** The panorama as one picture, at least 640 pixels wide. */
export async function layOutPanorama(grid: PanoramaGrid): Promise<Picture> {
  const { columns, rows, cell } = grid;
  const width = Math.max(640, left(columns.length, cell));
  const foot = top(rows.length, cell);
  const bars = scaleBars(grid, width, foot + 10);
  const height = Math.max(...bars.map((bar) => bar.top)) + BAR_LINE - 6;
  const picture = blankPicture({ height, width }, BACKGROUND);
  rows.forEach(({ cells }, row) => {
    cells.forEach((one, column) => paste(picture, one, top(row, cell), left(column, cell)));
  });
  for (const bar of bars) {
    const line = { height: 1, width: bar.width, rgb: bar.colors };
    for (let row = 0; row < BAR_HEIGHT; row++) paste(picture, line, bar.top + row, bar.left);
  }
  return overlaySvg(picture, lettering(grid, picture, bars));
}

function left(column: number, cell: ImageSize): number {
  return GUTTER + column * (cell.width + GAP);
}

function top(row: number, cell: ImageSize): number {
  return HEAD + row * (cell.height + GAP);
}

/**
 * The bars of depth and, if wanted, of error: side by side, or one below the other in a narrow
 * picture.
 */
function scaleBars({ scale, showsError }: PanoramaGrid, width: number, first: number): Bar[] {
  const beside = width >= SIDE_BY_SIDE;
  const room = beside ? Math.floor(width / 2) : width;
  const start = GUTTER + TITLE_WIDTH;
  const length = Math.min(620, room - start - BAR_MARGIN);
  const share = Float64Array.from({ length }, (_, i) => i / (length - 1));
  const depths_m = share.map((x) => scale.near_m * (scale.far_m / scale.near_m) ** x);
  const depth: Bar = {
    left: start,
    top: first,
    width: length,
    title: "depth in metres",
    colors: depthColors(depths_m, scale),
    ticks: depthTicks(scale),
  };
  if (!showsError) return [depth];
  const error: Bar = {
    left: beside ? room + start : start,
    top: beside ? first : first + BAR_LINE,
    width: length,
    title: "relative error",
    colors: errorScaleColors(share),
    ticks: errorTicks(),
  };
  return [depth, error];
}

function errorTicks(): Bar["ticks"] {
  const percent = `${ERROR_LIMIT * 100} %`;
  const half = `${ERROR_LIMIT * 50} %`;
  return [
    { at: 0, text: `\u2212${percent} too near` },
    { at: 0.25, text: `\u2212${half}` },
    { at: 0.5, text: "0" },
    { at: 0.75, text: `+${half}` },
    { at: 1, text: `+${percent} too far` },
  ];
}

/** Ticks at 1, 2 and 5 times powers of ten, and both ends. */
function depthTicks({ near_m, far_m }: DepthScale): Bar["ticks"] {
  const round: number[] = [];
  for (let decade = -1; decade <= 3; decade++) {
    for (const digit of [1, 2, 5]) round.push(digit * 10 ** decade);
  }
  const at = (depth_m: number): number => Math.log(depth_m / near_m) / Math.log(far_m / near_m);
  // A round number close to an end would overlap the end's own text.
  const inner = round.filter((depth_m) => at(depth_m) > 0.06 && at(depth_m) < 0.94);
  return [near_m, ...inner, far_m].map((depth_m) => ({
    at: at(depth_m),
    text: String(Number(depth_m.toPrecision(3))),
  }));
}

function lettering(
  { columns, rows, cell }: PanoramaGrid,
  size: ImageSize,
  bars: readonly Bar[],
): string {
  const small = { size: SMALL, weight: 1.4, color: FAINT };
  const heads = columns.map(({ name, yaw_deg }, column) => {
    const [x, y] = [left(column, cell) + 2, HEAD - 12];
    const after = x + textWidth(name, LARGE) + 12;
    return (
      strokeText(name, { x, y, size: LARGE, weight: 2.2, color: INK }) +
      strokeText(looks(yaw_deg), { ...small, x: after, y })
    );
  });
  const labels = rows.map(({ label }, row) => {
    const [x, y] = [GUTTER - 12, top(row, cell) + cell.height / 2];
    return strokeText(label, { ...small, x, y, anchor: "middle", color: INK, upwards: true });
  });
  const scales = bars.map(({ left: x, top: y, width, title, ticks }) => {
    const foot = y + BAR_HEIGHT;
    const marks = ticks.map(({ at, text }) => {
      const place = Number((x + at * (width - 1)).toFixed(1));
      return (
        `<path d="M${place} ${foot}v5" stroke="${FAINT}"/>` +
        strokeText(text, { ...small, x: place, y: foot + 22, anchor: "middle" })
      );
    });
    const name = { ...small, x: x - 12, y: foot - 1, anchor: "end", color: INK } as const;
    return strokeText(title, name) + marks.join("");
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">` +
    `${[...heads, ...labels, ...scales].join("\n")}</svg>`
  );
}

/** A direction in words of a few letters: "ahead", "55° left", "behind". */
function looks(yaw_deg: number): string {
  const degrees = Math.round(((yaw_deg + 540) % 360) - 180);
  if (Math.abs(degrees) <= 5) return "ahead";
  if (Math.abs(degrees) >= 175) return "behind";
  return `${Math.abs(degrees)}\u00b0 ${degrees > 0 ? "left" : "right"}`;
}

// The roofline picture: each kernel at its arithmetic intensity and rate, under the measured
// ceilings. Drawn twice, for wide windows and for narrow ones.
import {
  axisX,
  axisY,
  dot,
  gridX,
  gridY,
  link,
  scale,
  text,
  type Markish,
} from "@observablehq/plot";
import type { Ceilings } from "../../measure/ceilings.ts";
import { boundText, percentText, rateText, timeText } from "../../measure/text.ts";
import type { Roofline } from "../../measure/roofline.ts";
import type { StepAccount } from "../step/account.ts";
import type { Summary } from "../../measure/summary.ts";
import { escapeMarkup } from "../../report/escape.ts";
import {
  boxesAlong,
  covers,
  dotBox,
  placeLabels,
  textWidth,
  type Box,
  type NamedDot,
  type PlacedLabel,
  type Room,
} from "../../report/label_places.ts";
import { plotSvg } from "../../report/plot_svg.ts";

/** The position in the picture of a kernel on a problem, or in a step. */
export interface RooflinePoint {
  readonly kernel: string;
  /** The text shown when the pointer rests on it. */
  readonly title: string;
  /** Flops per byte. */
  readonly intensity: number;
  readonly gflops: number;
  readonly bound: Roofline["bound"];
  /** The area of its dot is proportional to this; the largest get names. */
  readonly weight: number;
}

/** A ceiling of the memory: the best of its access forms at one size. */
export interface MemoryCeiling {
  readonly label: string;
  readonly gbytes: number;
  /** The style of its line, so that adjacent lines can be told apart. */
  readonly opacity: number;
}

const BOUNDS: readonly (readonly [Roofline["bound"], color: string])[] = [
  ["memory", "var(--curve-1)"],
  ["compute", "var(--curve-2)"],
  ["launch", "var(--curve-8)"],
  ["latency", "var(--curve-4)"],
];

interface Size {
  readonly width: number;
  readonly height: number;
  readonly names: number;
  /** Largest radius of a dot. */
  readonly radius: number;
}

// The narrow one is drawn for the card of a window that is 400 pixels wide, with letters at their
// size.
const WIDE: Size = { width: 780, height: 460, names: 14, radius: 16 };
const NARROW: Size = { width: 334, height: 360, names: 5, radius: 11 };
const MARGIN = { left: 44, right: 12, top: 22, bottom: 38 };
const FONT_SIZE = 11;
const DOT_RADIUS = 4.5;
// Between a line and the middle of the words along it.
const TEXT_GAP = 9;
// As shares of a line's length, positions for its words; the first free one is used.
const PLACES = [0.5, 0.3, 0.7, 0.15];

/** The points of a profile of kernels; rows without a trusted time or without flops have none. */
export function summaryPoints({ rows }: Summary): RooflinePoint[] {
  return rows.flatMap(({ kernel, case: name, roofline, hot, cold, flops, bytes }) => {
    const timed = hot ?? cold;
    if (roofline === null || timed === null || flops === 0) return [];
    const { gflops, bound } = roofline;
    const title = `${kernel}, ${name}\n${timeText(timed.median_ms)}, ${ratesText(roofline)}`;
    const intensity = flops / bytes;
    return [{ kernel, title, intensity, gflops, bound, weight: timed.median_ms }];
  });
}

/** The points of a step, one per kernel, sized by its share of the time. */
export function stepPoints({ kernels }: StepAccount): RooflinePoint[] {
  return kernels.flatMap(({ kernel, dispatches, time_ms, share, flops, bytes, roofline }) => {
    if (roofline === null || flops === 0) return [];
    const { gflops, bound } = roofline;
    const title = `${kernel}, ${dispatches} dispatches\n${timeText(time_ms)}, ${percentText(share, false)} of the GPU time, ${ratesText(roofline)}`;
    return [{ kernel, title, intensity: flops / bytes, gflops, bound, weight: share }];
  });
}

function ratesText(roofline: Roofline): string {
  const { gflops, gbytes } = roofline;
  const of = boundText({ ok: true, roofline });
  return `${rateText(gflops)} GFLOP/s, ${rateText(gbytes)} GB/s, ${of}`;
}

/** The ceilings of the memory, smallest working set first. */
export function memoryCeilings({ bandwidth }: Ceilings): MemoryCeiling[] {
  return bandwidth.map((b, i) => ({
    label: `${b.working_set_bytes / 2 ** 20} MiB`,
    gbytes: Math.max(b.copy_gbytes, b.read_gbytes, b.triad_gbytes),
    opacity: 1 - (0.65 * i) / Math.max(1, bandwidth.length - 1),
  }));
}

/** The picture of some points; `sized` if the areas of dots are their weights. */
export function rooflineFigure(
  points: readonly RooflinePoint[],
  ceilings: Ceilings,
  sized: boolean,
): string {
  const label =
    `Roofline of ${points.length} points: GFLOP/s by flops per byte under measured ceilings, ` +
    `${memoryCeilings(ceilings)
      .map(({ label: size, gbytes }) => `${rateText(gbytes)} GB/s at ${size}`)
      .join(", ")}, ${rateText(ceilings.gflops)} GFLOP/s`;
  const keys = BOUNDS.map(
    ([bound, color]) => `<span><i class="dot" style="background:${color}"></i>${bound}</span>`,
  );
  const area = sized ? "<span>area: share of the GPU time</span>" : "";
  return `<figure role="img" aria-label="${escapeMarkup(label)}">
<p class="key faint"><span>bound by</span>${keys.join("")}${area}</p>
<div class="wide">${draw(points, ceilings, sized, WIDE)}</div>
<div class="narrow">${draw(points, ceilings, sized, NARROW)}</div>
</figure>`;
}

/** The range of both axes: all points, the roofs, and the corner where they meet. */
interface Ranges {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

function rangesOf(
  points: readonly RooflinePoint[],
  ceilings: Ceilings,
  roofs: readonly Roof[],
): Ranges {
  const rates = memoryCeilings(ceilings).map(({ gbytes }) => gbytes);
  const tops = roofs.map(({ gflops }) => gflops);
  const ridges = [Math.min(...tops) / Math.max(...rates), Math.max(...tops) / Math.min(...rates)];
  const xs = points.map(({ intensity }) => intensity);
  const ys = points.map(({ gflops }) => gflops);
  const x = [Math.min(ridges[0] / 20, ...xs) / 1.5, Math.max(ridges[1] * 6, ...xs) * 1.5] as const;
  const lowest = Math.min(x[0] * Math.min(...rates), ...ys);
  return { x, y: [lowest / 1.5, Math.max(...tops, ...ys) * 1.8] };
}

/** A ceiling of arithmetic. */
interface Roof {
  readonly name: string;
  readonly gflops: number;
}

function roofsOf(ceilings: Ceilings & { readonly f16_gflops?: number | null }): Roof[] {
  const { gflops, f16_gflops } = ceilings;
  const half = typeof f16_gflops === "number" ? [{ name: "f16", gflops: f16_gflops }] : [];
  return [{ name: "f32", gflops }, ...half].toSorted((a, b) => b.gflops - a.gflops);
}

/** The properties that all marks of one drawing share. */
interface Drawing {
  readonly ranges: Ranges;
  readonly frame: Box;
  /** From values to pixels, as in the chart. */
  readonly place: (x: number, y: number) => [number, number];
}

interface PointDot extends NamedDot {
  readonly point: RooflinePoint;
}

/** Marks, and the room that they take from the names of dots. */
interface Ceiling {
  readonly marks: readonly Markish[];
  readonly texts: readonly Box[];
  readonly lines: readonly Box[];
}

function draw(
  points: readonly RooflinePoint[],
  ceilings: Ceilings,
  sized: boolean,
  { width, height, names, radius }: Size,
): string {
  const roofs = roofsOf(ceilings);
  const drawing = drawingOf(rangesOf(points, ceilings, roofs), width, height);
  const { frame, ranges } = drawing;
  const heaviest = Math.max(...points.map(({ weight }) => weight));
  const radiusOf = ({ weight }: RooflinePoint): number =>
    sized ? Math.max(2.5, radius * Math.sqrt(weight / heaviest)) : DOT_RADIUS;
  // Small dots last, so that none is hidden under a large one.
  const ordered = points.toSorted((a, b) => b.weight - a.weight);
  const dots = ordered.map((point): PointDot => {
    const [x, y] = drawing.place(point.intensity, point.gflops);
    return { point, x, y, radius: radiusOf(point), name: point.kernel };
  });
  const drawn = [
    ...memoryLines(ceilings, roofs, drawing, dots.map(dotBox)),
    ...roofs.map((roof, i) => {
      // Above the line, where no kernel is; below it if another line is close.
      const gap = drawing.place(1, roof.gflops)[1] - drawing.place(1, roofs[0].gflops)[1];
      return roofLine(roof, i === 0 || gap > 2 * TEXT_GAP, ceilings, drawing);
    }),
  ];
  const room: Room = {
    // Names may extend beyond the frame.
    frame: { ...frame, right: width },
    texts: drawn.flatMap(({ texts }) => texts),
    lines: drawn.flatMap(({ lines }) => lines),
  };
  const [across, down] = [decades(ranges.x), decades(ranges.y)];
  return plotSvg({
    width,
    height,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    style: { fontSize: `${FONT_SIZE}px` },
    x: { type: "log", domain: ranges.x },
    y: { type: "log", domain: ranges.y },
    r: { type: "identity" },
    color: {
      type: "ordinal",
      domain: BOUNDS.map(([bound]) => bound),
      range: BOUNDS.map(([, color]) => color),
    },
    marks: [
      gridX(across, { strokeOpacity: 0.12 }),
      gridY(down, { strokeOpacity: 0.12 }),
      axisX(across, { label: "flops per byte", tickFormat: powerText, tickSize: 0 }),
      axisY(down, { label: "GFLOP/s", tickFormat: powerText, tickSize: 0 }),
      ...drawn.flatMap(({ marks }) => marks),
      dot(ordered, {
        x: "intensity",
        y: "gflops",
        r: radiusOf,
        fill: "bound",
        fillOpacity: 0.8,
        stroke: "var(--card)",
        strokeWidth: 0.75,
        title: "title",
      }),
      ...placeLabels(dots, room, names).map(nameMark),
    ],
  });
}

function drawingOf(ranges: Ranges, width: number, height: number): Drawing {
  const { left, right, top, bottom } = MARGIN;
  const frame: Box = { left, right: width - right, top, bottom: height - bottom };
  const across = scale({ x: { type: "log", domain: ranges.x, range: [frame.left, frame.right] } });
  const down = scale({ y: { type: "log", domain: ranges.y, range: [frame.bottom, frame.top] } });
  const place: Drawing["place"] = (x, y) => [across.apply(x) as number, down.apply(y) as number];
  return { ranges, frame, place };
}

/**
 * One line per working set up to the highest roof; the outermost two are named along their line.
 */
function memoryLines(
  ceilings: Ceilings,
  roofs: readonly Roof[],
  { ranges, place }: Drawing,
  dots: readonly Box[],
): Ceiling[] {
  const memory = memoryCeilings(ceilings);
  const rates = memory.map(({ gbytes }) => gbytes);
  const [fastest, slowest] = [Math.max(...rates), Math.min(...rates)];
  return memory.map(({ label, gbytes, opacity }) => {
    const from = Math.max(ranges.x[0], ranges.y[0] / gbytes);
    const to = roofs[0].gflops / gbytes;
    const [start, end] = [place(from, from * gbytes), place(to, to * gbytes)];
    const line = link([gbytes], {
      x1: from,
      y1: from * gbytes,
      x2: to,
      y2: to * gbytes,
      stroke: "currentColor",
      strokeWidth: 1.5,
      strokeOpacity: opacity,
    });
    const lines = boxesAlong(start, end, 2);
    if (gbytes !== fastest && gbytes !== slowest) return { marks: [line], texts: [], lines };
    const words = `${label} ${rateText(gbytes)} GB/s`;
    const side = gbytes === fastest ? -1 : 1;
    const angle = Math.atan2(end[1] - start[1], end[0] - start[0]);
    // Across the line, to the middle of the words.
    const offset = [-side * TEXT_GAP * Math.sin(angle), side * TEXT_GAP * Math.cos(angle)];
    const reach = textWidth(words) / 2;
    const boxesAt = (part: number): Box[] => {
      const middle = [0, 1].map((i) => start[i] + part * (end[i] - start[i]) + offset[i]);
      const [dx, dy] = [reach * Math.cos(angle), reach * Math.sin(angle)];
      const [left, right] = [-1, 1].map((sign) => {
        return [middle[0] + sign * dx, middle[1] + sign * dy] as const;
      });
      return boxesAlong(left, right, 16);
    };
    const free = PLACES.find((part) => !boxesAt(part).some((box) => covers(box, dots)));
    const part = free ?? PLACES[0];
    const x = from ** (1 - part) * to ** part;
    const named = text([gbytes], {
      x,
      y: x * gbytes,
      text: () => words,
      rotate: (angle * 180) / Math.PI,
      dx: offset[0],
      dy: offset[1],
      stroke: "var(--card)",
      fill: "currentColor",
    });
    return { marks: [line, named], texts: boxesAt(part), lines };
  });
}

/** A ceiling of arithmetic, from where the memory allows it; named above or below. */
function roofLine(
  { name, gflops }: Roof,
  above: boolean,
  ceilings: Ceilings,
  { ranges: { x }, place }: Drawing,
): Ceiling {
  const from = gflops / Math.max(...memoryCeilings(ceilings).map(({ gbytes }) => gbytes));
  const words = `${name} ${rateText(gflops)} GFLOP/s`;
  const dy = above ? -TEXT_GAP : TEXT_GAP;
  const [right, level] = place(x[1], gflops);
  const middle = level + dy;
  const line = { stroke: "currentColor", strokeWidth: 1.5 };
  return {
    marks: [
      link([gflops], { x1: from, x2: x[1], y1: gflops, y2: gflops, ...line }),
      text([gflops], {
        x: x[1],
        y: gflops,
        text: () => words,
        textAnchor: "end",
        dy,
        stroke: "var(--card)",
        fill: "currentColor",
      }),
    ],
    texts: [{ left: right - textWidth(words), right, top: middle - 7, bottom: middle + 7 }],
    lines: boxesAlong(place(from, gflops), [right, level], 2),
  };
}

/** The name of a dot, if there is room for it. */
function nameMark({ dot: { point }, anchor, dx, dy }: PlacedLabel<PointDot>): Markish {
  return text([point], {
    x: "intensity",
    y: "gflops",
    text: "kernel",
    textAnchor: anchor,
    dx,
    dy,
    stroke: "var(--card)",
    fill: "currentColor",
  });
}

/** The powers of ten in a range. */
function decades([low, high]: readonly [number, number]): number[] {
  const first = Math.ceil(Math.log10(low));
  const last = Math.floor(Math.log10(high));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}

function powerText(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1000) return `${value / 1000}k`;
  // Shorter than writing its zeros.
  return value < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(1)));
}

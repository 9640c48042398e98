// The picture of `bench bins`: time of a distillation step and its peak memory over the number of
// bins, one line per level, as one SVG with its own background.
import { dot, line, ruleX, text as label } from "@observablehq/plot";
import type { BinRow } from "../bench/bins_bench.ts";
import { stepFinding } from "../bench/bins_verdicts.ts";
import { InputError } from "../../tensor/error.ts";
import { escapeMarkup } from "../../report/escape.ts";
import { plotSvg } from "../../report/plot_svg.ts";

const [WIDTH, PANEL_WIDTH, PANEL_HEIGHT] = [800, 384, 250];
const [MARGIN, HEAD, CAPTION] = [12, 94, 26];
// Characters of the title that fit in a line.
const TITLE_LENGTH = 95;
const [INK, PAPER] = ["#1f2328", "#ffffff"];
// Okabe and Ito's colours, which colour-blind readers can tell apart too.
const LEVELS = [
  { level: 0, color: "#d55e00", label: "level 0: every tensor stored" },
  { level: 1, color: "#0072b2", label: "level 1: decoded in one read" },
  { level: 3, color: "#009e73", label: "level 3: distilled in one sweep" },
] as const;
const STUDENTS = [
  ["logits", "from logits"],
  ["binomial", "from (pi, t) of a log-binomial"],
] as const;

/** One measured point of a line. */
interface Point {
  readonly bins: number;
  readonly color: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Draws the steps among `rows` that share the first size, and those with centres per image if there
 * are any; `title` says where they were measured. Throws InputError if no step was measured.
 */
export function binsPicture(rows: readonly BinRow[], title: string): string {
  const steps = rows.filter(({ direction, time }) => direction === "both" && time !== null);
  const bands = STUDENTS.flatMap(([student, caption]) => {
    const own = steps.filter((row) => row.student === student);
    const shown = own.find(({ centers }) => centers === "image") ?? own[0];
    if (shown === undefined) return [];
    const { views, height, width, centers } = shown;
    const same = own.filter(
      (row) => row.height === height && row.width === width && row.centers === centers,
    );
    const size = `${views}x${height}x${width}`;
    return [{ caption: `${caption}, ${size} pixels, centres of the ${centers}`, rows: same }];
  });
  if (bands.length === 0) {
    throw new InputError("--svg: no step of levels 0, 1 and 3 was measured");
  }
  const band_height = CAPTION + PANEL_HEIGHT;
  const height = HEAD + bands.length * band_height + MARGIN;
  const parts = bands.flatMap((band, i) => {
    const y = HEAD + i * band_height;
    return [
      text(MARGIN, y + 18, band.caption, 13, "bold"),
      moved(MARGIN, y + CAPTION, panel("step, ms", band.rows, timeOf)),
      moved(WIDTH / 2 + MARGIN / 2, y + CAPTION, panel("peak memory, MiB", band.rows, memoryOf)),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" color="${INK}" font-family="system-ui, sans-serif" role="img">
<title>Time and memory of a distillation step by bins and level of fusing</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="${PAPER}"/>
${titleLines(rows)}
${text(MARGIN, 58, `A distillation step: forward pass, losses and all gradients; ${title}`, 11, "normal")}
${legend()}
${parts.join("\n")}
</svg>
`;
}

/** The finding as the title, in at most two lines. */
function titleLines(rows: readonly BinRow[]): string {
  const [finding = "a distillation step by level of fusing"] = stepFinding(rows);
  const title = finding.charAt(0).toUpperCase() + finding.slice(1);
  const end = title.length <= TITLE_LENGTH ? title.length : title.lastIndexOf(" ", TITLE_LENGTH);
  const parts = [title.slice(0, end), title.slice(end).trim()].filter((part) => part !== "");
  return parts.map((part, i) => text(MARGIN, 22 + 18 * i, part, 13, "bold")).join("\n");
}

function panel(title: string, rows: readonly BinRow[], pointOf: (row: BinRow) => Point): string {
  const points = rows.map(pointOf);
  const at = { x: "bins", stroke: "color" } as const;
  return plotSvg({
    width: PANEL_WIDTH,
    height: PANEL_HEIGHT,
    marginLeft: 44,
    marginRight: 44,
    style: { fontSize: "11px" },
    x: { type: "log", base: 2, label: "bins", ticks: binsOf(rows), tickFormat: String },
    y: { type: "log", label: title, grid: true, ticks: 5, tickFormat: "~g" },
    marks: [
      line(points, { ...at, y: "value", z: "color", strokeWidth: 2 }),
      ruleX(points, { ...at, y1: "low", y2: "high", strokeWidth: 1.5 }),
      dot(points, { x: "bins", y: "value", fill: "color", r: 3 }),
      label(ratiosAtEnd(points), {
        x: "bins",
        y: "value",
        text: "words",
        fill: "color",
        textAnchor: "start",
        dx: 8,
      }),
    ],
  });
}

/** At the most bins: how many times less each level takes than the first. */
function ratiosAtEnd(points: readonly Point[]): (Point & { readonly words: string })[] {
  const most = Math.max(...points.map(({ bins }) => bins));
  const last = points.filter(({ bins }) => bins === most);
  const first = last.find(({ color }) => color === LEVELS[0].color);
  if (first === undefined) return [];
  return last
    .filter((point) => point !== first)
    .map((point) => ({ ...point, words: `1/${(first.value / point.value).toFixed(1)}` }));
}

function timeOf({ bins, level, time }: BinRow): Point {
  const { median_ms: value, low_ms: low, high_ms: high } = time!;
  return { bins, color: colorOf(level), value, low, high };
}

function memoryOf({ bins, level, peak_bytes }: BinRow): Point {
  const value = peak_bytes / 2 ** 20;
  return { bins, color: colorOf(level), value, low: value, high: value };
}

function binsOf(rows: readonly BinRow[]): number[] {
  return [...new Set(rows.map(({ bins }) => bins))].toSorted((a, b) => a - b);
}

function colorOf(level: number): string {
  return LEVELS.find((one) => one.level === level)!.color;
}

/** A dash and a name for each level, in one row. */
function legend(): string {
  const step = (WIDTH - 2 * MARGIN) / LEVELS.length;
  return LEVELS.map(({ color, label: name }, i) => {
    const x = MARGIN + i * step;
    const dash = `<line x1="${x}" x2="${x + 22}" y1="76" y2="76" stroke="${color}" stroke-width="3"/>`;
    return dash + text(x + 28, 80, name, 12, "normal");
  }).join("\n");
}

function text(
  x: number,
  y: number,
  words: string,
  size: number,
  weight: "normal" | "bold",
  anchor: "start" | "end" = "start",
): string {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${INK}">${escapeMarkup(words)}</text>`;
}

function moved(x: number, y: number, svg: string): string {
  return `<g transform="translate(${x},${y})">${svg}</g>`;
}

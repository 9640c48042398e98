// report.html of an ablation: the plot of paired gains that a reader looks at first, then the table.
// One self-contained text without scripts.
import { axisX, dot, gridX, ruleX, ruleY } from "@observablehq/plot";
import { escapeMarkup } from "../report/escape.ts";
import { factCard, remark, renderPage, section } from "../report/html_page.ts";
import { htmlTable, type Cell } from "../report/html_table.ts";
import { plotSvg } from "../report/plot_svg.ts";
import { pointText } from "./axes.ts";
import { MEASURES, type AblationTable, type Measure, type TableRow } from "./table.ts";
import { readingNote, type AblationAbout } from "./text_table.ts";
import { gainText, meanText, MEASURE_NAMES } from "./words.ts";

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const STYLE = `
.plot { display: block; max-width: 100%; height: auto; font: inherit; }
h3 { margin: 1rem 0 .25rem; font-size: 1rem; font-weight: 600; }
`;
const [WIDTH, ROW_HEIGHT, FRAME] = [860, 38, 70];

/** The text of the page. */
export function ablationPage(table: AblationTable, { title, facts }: AblationAbout): string {
  const items = facts.map(([term, text]) => [term, escapeMarkup(text)] as const);
  const { reference } = table;
  return renderPage({
    title,
    policy: POLICY,
    style: STYLE,
    parts: [
      `<header><h1>${escapeMarkup(title)}</h1>${factCard(items)}</header>`,
      section(
        `Gain in AbsRel over ${escapeMarkup(reference)}`,
        plots(table, "abs_rel") + remark(PLOT_NOTE),
      ),
      section(
        `Gain in agreement of neighbours over ${escapeMarkup(reference)}`,
        plots(table, "disagreement") +
          remark(
            "Reduction of the relative disagreement of neighbouring views, drawn in the same way.",
          ),
      ),
      section("Means over seeds", measureTable(table, meanOf) + remark(readingNote(reference))),
      section(
        `Paired gains over ${escapeMarkup(reference)}`,
        measureTable(table, ({ gain }, measure) => gainCell(gain[measure])),
      ),
      section("AbsRel by seed", seedTable(table)),
      section("Remarks", table.notes.map(remark).join("\n")),
    ],
  });
}

const PLOT_NOTE =
  "Large dots: mean over seeds; bars: 95 % interval (paired t); small dots: single seeds. " +
  "To the right of 0 is better.";

/** One plot for each point of the axes, all with the same scale, so that they can be compared. */
function plots({ rows, reference }: AblationTable, measure: Measure): string {
  const points = new Map<string, TableRow[]>();
  for (const row of rows) {
    const at = pointText({ axes: row.axes, overrides: [] });
    points.set(at, [...(points.get(at) ?? []), row]);
  }
  const hasGain = ({ name, gain }: TableRow): boolean =>
    name !== reference && gain[measure] !== undefined;
  const frame = frameOf(rows.filter(hasGain), measure);
  const shown = [...points].flatMap(([at, all]) => {
    const own = all.filter(hasGain);
    if (own.length === 0) return [];
    return [(at === "" ? "" : `<h3>${escapeMarkup(at)}</h3>`) + gainPlot(own, measure, frame)];
  });
  if (shown.length === 0) return remark("No row has a gain yet.");
  return `<div class="scroll">${shown.join("\n")}</div>`;
}

/** The parts that plots share: the range of gains in percent, and the room for names in letters. */
interface Frame {
  readonly range: readonly [low: number, high: number];
  readonly letters: number;
}

function frameOf(rows: readonly TableRow[], measure: Measure): Frame {
  const gains = rows.flatMap(({ gain, gain_by_seed }) => [
    ...gain[measure]!,
    ...Object.values(gain_by_seed).flatMap((ofSeed) => ofSeed[measure] ?? []),
  ]);
  return {
    range: [Math.min(0, ...gains), Math.max(0, ...gains)],
    letters: Math.max(0, ...rows.map(({ name }) => name.length)),
  };
}

function gainPlot(rows: readonly TableRow[], measure: Measure, { range, letters }: Frame): string {
  const means = rows.map(({ name, gain }) => {
    const [percent, low = percent, high = percent] = gain[measure]!;
    return { name, percent, low, high };
  });
  const seeds = rows.flatMap(({ name, gain_by_seed }) =>
    Object.values(gain_by_seed).flatMap((gains) => {
      const percent = gains[measure];
      return percent === undefined ? [] : [{ name, percent }];
    }),
  );
  return plotSvg({
    width: WIDTH,
    height: FRAME + rows.length * ROW_HEIGHT,
    marginLeft: 20 + 7.5 * letters,
    marginRight: 24,
    marginBottom: 44,
    style: { fontSize: "13px" },
    x: { domain: range, nice: true },
    y: { label: null, type: "point", domain: rows.map(({ name }) => name), padding: 0.7 },
    marks: [
      gridX(),
      axisX({ anchor: "bottom", label: "gain in percent →", labelOffset: 40 }),
      ruleX([0], { stroke: "currentColor" }),
      ruleY(means, { y: "name", x1: "low", x2: "high", stroke: "var(--curve-1)", strokeWidth: 3 }),
      dot(means, { x: "percent", y: "name", r: 6, fill: "var(--curve-1)" }),
      dot(seeds, { x: "percent", y: "name", dy: 11, r: 3, fill: "var(--faint)" }),
    ],
  });
}

/** A table with a column for each measure. */
function measureTable(
  { rows }: AblationTable,
  cell: (row: TableRow, measure: Measure) => Cell,
): string {
  const axes = Object.keys(rows[0]?.axes ?? {});
  const head = ["row", ...axes, ...MEASURES.map((measure) => MEASURE_NAMES[measure])];
  return htmlTable(
    head,
    rows.map((row) => ({
      cells: [
        row.name,
        ...axes.map((axis) => String(row.axes[axis])),
        ...MEASURES.map((measure) => cell(row, measure)),
      ],
    })),
  );
}

function meanOf(row: TableRow, measure: Measure): Cell {
  return meanText(row, measure);
}

/** Coloured only where the whole interval lies on one side of 0. */
function gainCell(gain: TableRow["gain"][Measure]): Cell {
  const text = gainText(gain);
  if (gain?.length !== 3) return text;
  const [, low, high] = gain;
  if (low > 0) return { text, attributes: `class="good"` };
  return high < 0 ? { text, attributes: `class="bad"` } : text;
}

function seedTable({ rows }: AblationTable): string {
  const seeds = [...new Set(rows.flatMap((row) => Object.keys({ ...row.seeds, ...row.failed })))];
  const axes = Object.keys(rows[0]?.axes ?? {});
  const head = ["row", ...axes, ...seeds.map((seed) => `seed ${seed}`)];
  return htmlTable(
    head,
    rows.map((row) => ({
      cells: [
        row.name,
        ...axes.map((axis) => String(row.axes[axis])),
        ...seeds.map((seed): Cell => {
          if (seed in row.failed) return { text: "failed", attributes: `class="bad"` };
          return row.seeds[seed]?.abs_rel?.toFixed(4) ?? "";
        }),
      ],
    })),
  );
}

// report.html as one self-contained text: style, script, charts and pictures are inside, nothing is
// fetched. What it shows comes in as ReportData; it measures and evaluates nothing itself.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import sharp from "sharp";
import { makeChart, type Chart, type ChartSource } from "./chart.ts";
import { escapeJson, escapeMarkup } from "./escape.ts";
import { factCard, headlineNumbers, remark, renderPage, section } from "./html_page.ts";
import { REPORT_SCRIPT } from "./html_script.ts";
import { REPORT_STYLE } from "./html_style.ts";
import { ablationTable, consistencyTable, kernelTable, metricTable } from "./html_tables.ts";
import type { ReportData, ReportPicture, ReportRun } from "./report_data.ts";

// The page may run its own script but load nothing, so a report is safe to open and to share.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** The text of `report.html`. All text from outside is escaped; nothing is loaded later. */
export async function renderReport(data: ReportData): Promise<string> {
  const uplot = await readUplot();
  const charts = chartSources(data)
    .map(makeChart)
    .filter((chart) => chart !== undefined);
  const pictures = await Promise.all((data.pictures ?? []).map(figure));
  const sections = [
    header(data.run),
    headline(data),
    section("Surround panorama", pictures.join("\n")),
    chartCards(charts),
    section("Metrics by camera", metrics(data)),
    section("Supervised or distilled", earlierAblation(data)),
    section("Consistency between neighbours", consistency(data)),
    section("Time of one training step by kernel", kernels(data)),
    configuration(data.configuration),
  ];
  return renderPage({
    title: data.run.name,
    policy: POLICY,
    style: `${uplot.style}${REPORT_STYLE}`,
    parts: [
      ...sections,
      `<script type="application/json" id="charts">${escapeJson(charts)}</script>
<script>/*
${uplot.licence}*/
${uplot.script}</script>
<script>${REPORT_SCRIPT}</script>`,
    ],
  });
}

function header(run: ReportRun): string {
  const adapter = run.softwareAdapter ? `${run.adapter} (software)` : run.adapter;
  const steps =
    run.steps < run.stepsPlanned ? `${run.steps} of ${run.stepsPlanned}` : String(run.steps);
  const facts = [
    ["adapter", adapter],
    ["data", run.data],
    ["student", `${run.student}, ${run.parameters.toLocaleString("en-US")} parameters`],
    ["image size", run.size],
    ["steps", `${steps} in ${duration(run.time_s)}`],
    ["seed", String(run.seed)],
  ] as const;
  const items = facts.map(([term, text]) => [term, escapeMarkup(text)] as const);
  return `<header>
<h1>${escapeMarkup(run.name)}</h1>
<p class="faint">ringdepth \u00b7 ${escapeMarkup(run.date)}</p>
${factCard(items)}
</header>`;
}

/** The headline numbers. */
function headline({ run, evaluation, baseline }: ReportData): string {
  if (!evaluation) return "";
  const { abs_rel, rmse, a1 } = evaluation.all;
  const items: [value: string, label: string][] = [[abs_rel.toFixed(3), "AbsRel"]];
  if (baseline && baseline.all.abs_rel > 0) {
    const ratio = abs_rel / baseline.all.abs_rel;
    const constant = baseline.all.abs_rel.toFixed(3);
    items.push([`${ratio.toFixed(2)}\u00d7`, `of the best constant's ${constant}`]);
  }
  items.push([`${rmse.toFixed(2)} m`, "RMSE"], [`${(100 * a1).toFixed(1)} %`, "within 25 % (a1)"]);
  const on = run.evaluatedOn ? `${run.evaluatedOn}; ` : "";
  const note = `${on}depths up to ${evaluation.cap_m} m, metric, mean of the cameras`;
  return `<section class="card">${headlineNumbers(items)}
${remark(note)}
</section>`;
}

function chartSources(data: ReportData): ChartSource[] {
  const level = data.baseline && {
    label: "best constant per camera",
    value: data.baseline.all.abs_rel,
  };
  return [
    { id: "chart-loss", title: "Loss", curves: data.loss, logarithmic: true },
    { id: "chart-abs-rel", title: "AbsRel", curves: data.absRel ?? [], ...(level && { level }) },
    {
      id: "chart-learning-rate",
      title: "Learning rate",
      curves: data.learningRate ? [data.learningRate] : [],
    },
  ];
}

function chartCards(charts: readonly Chart[]): string {
  if (charts.length === 0) return "";
  const cards = charts.map(({ id, title }) =>
    section(title, `<div class="chart" id="${id}"></div>`),
  );
  return `<div class="charts">${cards.join("\n")}</div>`;
}

function metrics({ run, evaluation, baseline }: ReportData): string {
  if (!evaluation) return "";
  const notes = [
    `Protocol ${evaluation.protocol}, cap ${evaluation.cap_m} m.`,
    "Per image, then a mean per camera, then over cameras.",
  ];
  if (run.metres !== undefined) notes.push(`${run.metres}.`);
  const skipped = evaluation.ring
    .map((name) => [name, evaluation.skipped_images[name]] as const)
    .filter(([, count]) => count > 0);
  if (skipped.length > 0) {
    const list = skipped.map(([name, count]) => `${name} ${count}`).join(", ");
    notes.push(`Images without true depth in range, left out: ${list}.`);
  }
  return metricTable(evaluation, baseline) + remark(notes.join(" "));
}

function earlierAblation({ ablation }: ReportData): string {
  if (!ablation) return "";
  const { command, date, adapter, seeds, moments } = ablation;
  const note =
    `Not from this run: mean \u00b1 standard deviation over ${seeds} seeds of this budget, ${moments} held-out ` +
    `moments each, with the 95 % interval of the paired gain. Measured on ${date} with ${adapter}: ${command}`;
  return ablationTable(ablation) + remark(note);
}

function consistency({ consistency: found }: ReportData): string {
  if (!found || found.pairs.length === 0) return "";
  const note =
    "Mean difference of the depths that two neighbouring cameras predict at points that both see. It " +
    "needs no true depth.";
  return consistencyTable(found) + remark(note);
}

function kernels({ kernels: times, run }: ReportData): string {
  if (!times) return "";
  if (times.length === 0) return remark("This adapter does not report GPU times.");
  const notes = [
    "One step, each dispatch in a pass of its own; `ringdepth check` checks their results.",
    ...(run.softwareAdapter ? ["A software adapter: these times say nothing about a GPU."] : []),
  ];
  return kernelTable(times) + remark(notes.join(" "));
}

function configuration(text: string): string {
  const details = `<summary>Configuration</summary><pre>${escapeMarkup(text)}</pre>`;
  return `<section class="card"><details>${details}</details></section>`;
}

async function figure({ caption, picture }: ReportPicture): Promise<string> {
  const { height, width, rgb } = picture;
  // A tenth of the size of PNG, and the text stays sharp.
  const bytes = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .webp({ quality: 88, smartSubsample: true })
    .toBuffer();
  const source = `data:image/webp;base64,${bytes.toString("base64")}`;
  const text = escapeMarkup(caption);
  const image = `<img src="${source}" width="${width}" height="${height}" alt="${text}">`;
  return `<figure><div class="scroll">${image}</div><figcaption>${text}</figcaption></figure>`;
}

/** uPlot from its installed package, with the licence that must accompany it. */
async function readUplot(): Promise<{ script: string; style: string; licence: string }> {
  const folder = path.dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const read = (...parts: string[]) => readFile(path.join(folder, ...parts), "utf8");
  const [script, style, licence] = await Promise.all([
    read("dist", "uPlot.iife.min.js"),
    read("dist", "uPlot.min.css"),
    read("LICENSE"),
  ]);
  return { script, style, licence };
}

/** A time in seconds, as text for people. */
function duration(time_s: number): string {
  if (time_s < 60) return `${time_s.toFixed(1)} s`;
  const seconds = Math.round(time_s);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

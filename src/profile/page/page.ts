// The page of a profile as one self-contained text without a script: roofline under the measured
// ceilings, table, distributions, and the account of a step. It measures nothing itself.
import type { Ceilings } from "../../measure/ceilings.ts";
import type { Environment } from "../../measure/environment.ts";
import { closingParts } from "../kernel/closing_line.ts";
import { rateText, remarks, timeText } from "../../measure/text.ts";
import type { SavedRun } from "../../measure/saved_run.ts";
import type { StepAccount } from "../step/account.ts";
import type { Summary } from "../../measure/summary.ts";
import { escapeMarkup } from "../../report/escape.ts";
import { factCard, remark, renderPage, section } from "../../report/html_page.ts";
import { accountHtml } from "./account.ts";
import { distributions } from "./distribution.ts";
import { rooflineFigure, stepPoints, summaryPoints, type RooflinePoint } from "./roofline_plot.ts";
import { PROFILE_STYLE } from "./style.ts";
import { ceilingsHtml, stepKernelsHtml, summaryHtml } from "./tables.ts";

/** The content of a profile's page; parts left out are not shown. */
export interface ProfileReport {
  readonly environment: Environment;
  readonly ceilings: Ceilings | null;
  /** The time of measurement, ISO 8601. */
  readonly date: string;
  readonly summary?: Summary;
  /** The samples that `summary` summarises, row by row. */
  readonly run?: Pick<SavedRun, "rows">;
  readonly account?: StepAccount;
  /** The command line that measured it. */
  readonly command?: string;
  /** The bench whose rows these are, such as `bins`, with its findings; a profile of kernels has none. */
  readonly bench?: { readonly name: string; readonly findings: readonly string[] };
}

// The page runs nothing and loads nothing: it is safe to open and to share.
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** The text of the page; all external text is escaped, and no part of it is loaded later. */
export function renderProfileReport(report: ProfileReport): string {
  const { ceilings, summary, run, account } = report;
  return renderPage({
    title: titleOf(report),
    policy: POLICY,
    style: PROFILE_STYLE,
    parts: [
      header(report),
      report.bench ? section("Findings", report.bench.findings.map(finding).join("\n")) : "",
      account ? section("Where a step goes", accountHtml(account)) : "",
      account ? section("GPU time by kernel", stepKernelsHtml(account)) : "",
      account ? roofline("Roofline of the step", stepPoints(account), ceilings, true) : "",
      summary ? roofline("Roofline", summaryPoints(summary), ceilings, false) : "",
      summary ? section(report.bench ? "Alternatives" : "Kernels", kernels(report, summary)) : "",
      summary && run ? section("Distribution of the samples", samples(summary, run)) : "",
    ],
  });
}

function titleOf({ account, summary, bench }: ProfileReport): string {
  if (bench) return `Benchmark: ${bench.name}`;
  if (account) return `Profile of ${account.target}`;
  const names = new Set(summary?.rows.map(({ kernel }) => kernel));
  return names.size === 1 ? `Profile of ${[...names][0]}` : `Profile of ${names.size} kernels`;
}

function finding(line: string): string {
  return `<p>${escapeMarkup(line)}</p>`;
}

function header(report: ProfileReport): string {
  const { environment, ceilings, date, summary, command } = report;
  const { adapter, driver, software, timer_quantum_ns, node, webgpu, platform, git } = environment;
  const warning = software ? ` <b class="bad">software adapter: no GPU</b>` : "";
  const commit = git && `${git.commit.slice(0, 12)}${git.dirty ? ", with changes" : ""}`;
  const facts: (readonly [string, string])[] = [
    ["adapter", `${escapeMarkup(adapter)}${warning}`],
    ["driver", escapeMarkup(driver)],
    ["timer quantum", escapeMarkup(`${timer_quantum_ns.toLocaleString("en-US")} ns`)],
    ["versions", escapeMarkup(`node ${node}, webgpu ${webgpu}, ${platform}`)],
    ...(commit ? [["git commit", escapeMarkup(commit)] as const] : []),
    ["ceilings", ceilings ? `measured ${dateText(ceilings.date)}` : "not measured"],
    ...(summary?.baseline ? [["compared with", escapeMarkup(summary.baseline)] as const] : []),
  ];
  const line = command ? `<p class="faint"><code>${escapeMarkup(command)}</code></p>` : "";
  return `<header>
<h1>${escapeMarkup(titleOf(report))}</h1>
<p class="faint">ringdepth \u00b7 ${dateText(date)}</p>
${line}
${factCard(facts)}
</header>`;
}

/** `2026-11-22 09:00 UTC` for `2026-11-22T09:00:00.000Z`. */
function dateText(date: string): string {
  return escapeMarkup(date.replace(/^([\d-]+)T(\d\d:\d\d).*Z$/, "$1 $2 UTC"));
}

function roofline(
  title: string,
  points: readonly RooflinePoint[],
  ceilings: Ceilings | null,
  sized: boolean,
): string {
  if (ceilings === null) {
    return section(title, remark("No ceilings: `ringdepth profile ceilings` measures them."));
  }
  const notes = [
    `Arithmetic ${rateText(ceilings.gflops)} GFLOP/s, f32`,
    `an empty dispatch takes ${timeText(ceilings.empty_dispatch_us / 1000)}`,
    `measured ${ceilings.date.slice(0, 10)} on ${ceilings.adapter}`,
  ];
  const left = points.length === 0 ? remark("No kernel with a time and arithmetic.") : "";
  const picture = points.length === 0 ? left : rooflineFigure(points, ceilings, sized);
  return section(
    title,
    `<div class="roofline">${picture}
<div class="ceilings">${ceilingsHtml(ceilings)}${remark(`${notes.join("; ")}.`)}
${remark("Kernels that only move data are not drawn; the table lists them.")}</div></div>`,
  );
}

function kernels({ bench }: ProfileReport, summary: Summary): string {
  // A saved profile does not hold the cost of timestamps: its page is the same as when it was
  // taken.
  const parts = closingParts({ ...summary, instrumentation_us: undefined });
  const notes = [...parts, ...remarks(summary)];
  const names = bench ? "alternative, problem" : undefined;
  return `${errors(summary)}<div class="kernels">${summaryHtml(summary, names)}</div>
${notes.length > 0 ? remark(`${notes.join("; ")}.`) : ""}`;
}

/** The faults of kernels in full; empty if all are correct. */
function errors({ rows }: Summary): string {
  const wrong = rows.filter(({ ok }) => !ok);
  if (wrong.length === 0) return "";
  // A fault of the shader applies to all its cases.
  const items = [...new Set(wrong.map(({ error }) => error))].map((error) => {
    const cases = wrong.filter((row) => row.error === error);
    const names = cases.map(({ kernel, case: name }) => `${kernel}, ${name}`).join("; ");
    return `<p>${escapeMarkup(names)}</p>\n<pre>${escapeMarkup(error)}</pre>`;
  });
  return `<div class="errors bad"><p><b>${wrong.length} of ${rows.length} WRONG, not timed</b></p>
${items.join("\n")}</div>`;
}

function samples(summary: Summary, run: Pick<SavedRun, "rows">): string {
  const text = distributions(summary, run);
  const note =
    "Bars: samples; line: their median; band: its 95 % interval. Samples far from all others are " +
    "listed as text.";
  return text && remark(note) + text;
}

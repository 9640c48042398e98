// report.html as text: complete, self-contained, text from outside escaped, scripts that parse.
import { Script } from "node:vm";
import { describe, expect, it } from "vitest";
import type { DepthMetrics } from "../../src/evaluate/metrics.ts";
import type { EvaluationResult } from "../../src/evaluate/protocol.ts";
import { escapeJson, escapeMarkup } from "../../src/report/escape.ts";
import { renderReport } from "../../src/report/html.ts";
import type { ReportData } from "../../src/report/report_data.ts";

const EVIL = `<img src=x onerror="alert('1')">&</script><!--`;

function metrics(factor: number): DepthMetrics {
  return {
    abs_rel: 0.2 * factor,
    sq_rel: factor,
    rmse: 4 * factor,
    rmse_log: 0.2 * factor,
    a1: 0.8,
    a2: 0.9,
    a3: 0.95,
    silog: 20,
  };
}

function evaluation(factor: number): EvaluationResult {
  return {
    protocol: EVIL,
    min_m: 0.1,
    cap_m: 80,
    ring: ["CAM_FRONT", EVIL],
    cameras: { CAM_FRONT: metrics(factor), [EVIL]: metrics(3 * factor) },
    all: metrics(2 * factor),
    images: { CAM_FRONT: 4, [EVIL]: 3 },
    skipped_images: { CAM_FRONT: 0, [EVIL]: 1 },
  };
}

const MINIMAL: ReportData = {
  run: {
    name: "first",
    date: "2026-11-22 09:00",
    adapter: "llvmpipe",
    softwareAdapter: true,
    data: "built-in rig",
    student: "nano",
    parameters: 312_544,
    size: "96x160",
    seed: 1,
    steps: 0,
    stepsPlanned: 600,
    time_s: 0,
  },
  loss: [],
  configuration: "seed: 1\n",
};

const FULL: ReportData = {
  run: { ...MINIMAL.run, name: EVIL, data: EVIL, student: EVIL, steps: 600, time_s: 179.7 },
  loss: [{ label: EVIL, steps: [1, 2, 3], values: [9, 3, 0.5] }],
  learningRate: { label: "learning rate", steps: [1, 2, 3], values: [0.001, 0.0005, 0] },
  absRel: [{ label: "held-out", steps: [1, 3], values: [0.9, 0.4] }],
  evaluation: evaluation(1),
  baseline: evaluation(4),
  consistency: {
    pairs: [{ from: EVIL, to: "CAM_FRONT", metres: 1.25, relative: 0.1, pixels: 7 }],
    all: { metres: 1.25, relative: 0.1 },
  },
  ablation: {
    command: EVIL,
    date: "2026-11-28",
    adapter: "llvmpipe",
    seeds: 5,
    moments: 24,
    rows: [
      { name: "supervised", abs_rel: 0.22, deviation: 0.003, rmse: 7, disagreement: 0.21 },
      {
        name: EVIL,
        abs_rel: 0.21,
        deviation: 0.002,
        rmse: 6,
        disagreement: 0.2,
        gain: [4.5, 1, 8],
      },
    ],
  },
  pictures: [
    { caption: EVIL, picture: { height: 2, width: 2, rgb: new Uint8Array(12).fill(200) } },
  ],
  kernels: [
    { kernel: EVIL, dispatches: 3, time_ms: 2, flops: 4e9, bytes: 1e6 },
    { kernel: "conv2d", dispatches: 1, time_ms: 6 },
  ],
  configuration: `note: "${EVIL}"`,
};

const full = await renderReport(FULL);
// What a reader sees, without the scripts: short enough for a failure to be read.
const page = withoutScripts(full);

function withoutScripts(html: string): string {
  return html.replace(/(<script[^>]*>)[\s\S]*?<\/script>/g, "$1</script>");
}

describe("report", () => {
  it("shows run, numbers, tables, pictures and configuration", () => {
    for (const text of [
      "600 in 3 min 0 s",
      "312,544 parameters",
      "llvmpipe (software)",
      "96x160",
    ]) {
      expect(page).toContain(text);
    }
    // AbsRel of all cameras, the constant's, and their ratio, in headline and table.
    expect(page).toMatch(/<b>0\.400<\/b>AbsRel/);
    expect(page).toMatch(/<b>0\.25×<\/b>of the best constant&#39;s 1\.600/);
    expect(page).toContain(
      `<tr><th scope="row">CAM_FRONT</th><td>0.200</td><td>0.800</td><td class="good">0.25×</td>`,
    );
    expect(page).toContain("Images without true depth in range, left out: &lt;img");
    expect(page).toMatch(/<img src="data:image\/webp;base64,[\w+/=]+" width="2" height="2"/);
    // What was measured earlier says so, and carries its interval.
    expect(page).toContain("Not from this run: mean ± standard deviation over 5 seeds");
    expect(page).toContain("<td>0.2100 ± 0.0020</td><td>4.5 % [1.0, 8.0]</td>");
    // Longest kernel first, with its share; the rates of the one whose cost is known.
    expect(page).toMatch(
      /conv2d<\/th><td>1<\/td><td>6\.000<\/td><td class="share" style="--share: 75\.0%">/,
    );
    expect(page).toContain("<td>2000</td><td>0.500</td>");
    expect(page.indexOf(">conv2d<")).toBeLessThan(page.lastIndexOf("<td>2000</td>"));
  });

  it("escapes all text from outside", () => {
    const escaped = escapeMarkup(EVIL);
    expect(page.split(escaped).length - 1).toBeGreaterThanOrEqual(9);
    expect(page).not.toContain("<img src=x");
    expect(page).not.toContain(`"alert(`);
    // Three scripts open and three close: nothing inside closes one early.
    expect(full.match(/<script/g)).toHaveLength(3);
    expect(full.match(/<\/script>/g)).toHaveLength(3);
  });

  it("fetches nothing", () => {
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).not.toMatch(/url\(|@import/);
    expect(page).toContain(`content="default-src 'none'; img-src data:;`);
  });

  it("carries charts that its script can read, and scripts that parse", () => {
    const json = /id="charts">([^<]*)<\/script>/.exec(full)![1];
    const charts = JSON.parse(json) as { id: string; labels: string[]; columns: number[][] }[];
    expect(charts.map(({ id }) => id)).toEqual([
      "chart-loss",
      "chart-abs-rel",
      "chart-learning-rate",
    ]);
    for (const { id } of charts) expect(page).toContain(`<div class="chart" id="${id}">`);
    expect(charts[0].labels).toEqual([EVIL]);
    expect(charts[1].labels).toEqual(["held-out", "best constant per camera"]);
    const scripts = [...full.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text);
    expect(scripts).toHaveLength(2);
    for (const script of scripts) expect(() => new Script(script)).not.toThrow();
    expect(scripts[0]).toContain("Permission is hereby granted");
  });

  it("renders a run that has nothing to show yet", async () => {
    const html = await renderReport(MINIMAL);
    expect(withoutScripts(html)).toContain("0 of 600 in 0.0 s");
    for (const absent of ["<table>", "<img", `class="chart"`, "NaN", "undefined"]) {
      expect(withoutScripts(html)).not.toContain(absent);
    }
  });
});

describe("escaping", () => {
  it("replaces the five signs of markup and control characters", () => {
    expect(escapeMarkup(`<a b="c" d='e'>&\u0000\u001b\n\t`)).toBe(
      "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\ufffd\ufffd\n\t",
    );
  });

  it("keeps JSON the same value without a less-than sign", () => {
    const value = { text: EVIL, list: [1, null] };
    expect(escapeJson(value)).not.toContain("<");
    expect(JSON.parse(escapeJson(value))).toEqual(value);
  });
});

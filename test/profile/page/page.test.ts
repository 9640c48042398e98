// The page of a profile as text: complete, without scripts and without anything fetched, hostile
// names escaped; pages where a part is missing.
import { describe, expect, it } from "vitest";
import type { Ceilings } from "../../../src/measure/ceilings.ts";
import type { Environment } from "../../../src/measure/environment.ts";
import type { ProfileRow, SavedRun } from "../../../src/measure/saved_run.ts";
import type { StepAccount } from "../../../src/profile/step/account.ts";
import { roofline } from "../../../src/measure/roofline.ts";
import { summarize } from "../../../src/measure/summary.ts";
import { escapeMarkup } from "../../../src/report/escape.ts";
import { renderProfileReport } from "../../../src/profile/page/page.ts";

const EVIL = `<img src=x onerror="alert('1')">&</title><!--`;
const DATE = "2026-11-22T09:00:00.000Z";

const environment: Environment = {
  adapter: EVIL,
  driver: EVIL,
  software: true,
  timer_quantum_ns: 65_536,
  node: "20.9.0",
  webgpu: "0.6.2",
  platform: "linux x64",
  git: { commit: "0123456789abcdef", dirty: true },
};

const ceilings: Ceilings = {
  version: 4,
  date: DATE,
  adapter: EVIL,
  driver: EVIL,
  bandwidth: [1, 8, 64].map((mebibytes, i) => ({
    working_set_bytes: mebibytes * 2 ** 20,
    copy_gbytes: 12 - i,
    read_gbytes: 10,
    triad_gbytes: 9,
  })),
  gflops: 100,
  f16_gflops: null,
  empty_dispatch_us: 1,
};

function samples(middle: number): number[] {
  return Array.from({ length: 40 }, (_, i) => middle * (1 + 0.01 * Math.sin(i)));
}

function timing(samples_ms: readonly number[], batch = 1): ProfileRow["hot"] {
  return { samples_ms, batch, converged: true, trusted: true };
}

const row = {
  case: "the student's",
  shader_hash: "0123456789abcdef",
  checked: "case",
  error: "",
  flops: 4e6,
  bytes: 1e6,
} as const;

const run: SavedRun = {
  version: 1,
  date: DATE,
  environment,
  rows: [
    { ...row, kernel: "gemm", cold: timing(samples(4)), hot: timing([...samples(2), 900], 20) },
    { ...row, kernel: EVIL, case: EVIL, cold: timing([3, 4, 5]), hot: timing(samples(1)) },
    { ...row, kernel: "concat", flops: 0, cold: null, hot: timing(samples(1)) },
    { ...row, kernel: "bin_kl", error: `file.wgsl:1:2 ${EVIL}\n ^`, cold: null, hot: null },
  ],
};

const account: StepAccount = {
  target: "step:train",
  what: EVIL,
  steps: 7,
  wall: { median: 10, low: 9, high: 11 },
  parts: [
    { name: EVIL, time_ms: 1, share: 0.1 },
    { name: "gpu", time_ms: 8.5, share: 0.85 },
    { name: "unaccounted", time_ms: 0.5, share: 0.05 },
  ],
  unaccounted: 0.05,
  unaccounted_interval: { low: 0.04, high: 0.06 },
  kernels: ["conv2d", EVIL].map((kernel) => ({
    kernel,
    dispatches: 3,
    time_ms: 4,
    share: 0.5,
    flops: 8e7,
    bytes: 1e6,
    roofline: roofline({ flops: 8e7, bytes: 1e6 }, 4, ceilings, false),
  })),
  instrumentation: 0.06,
  overlapped: { median: 8, low: 7.5, high: 8.5 },
  bound: "GPU",
  drift: 0.01,
  stamps: 0.002,
  gpu_busy: 0.97,
  clock_uncertainty_ms: 0.02,
  first_read_ms: 12,
};

const summary = summarize(run, ceilings, { name: EVIL, rows: [] });
const base = { environment, ceilings, date: DATE };
const full = renderProfileReport({ ...base, summary, run, account, command: EVIL });
// Without the drawings, so that a failure can be read.
const texts = withoutDrawings(full);

function withoutDrawings(page: string): string {
  return page.replace(/<svg.*?<\/svg>/gs, "<svg></svg>");
}

/** The drawing for wide windows of the only roofline of a page. */
function wideRoofline(page: string): string {
  return /<div class="wide">(.*?)<\/div>/s.exec(page)![1];
}

describe("page of a profile", () => {
  it("tells adapter, clock, versions and commit", () => {
    expect(texts).toContain("software adapter");
    for (const text of ["65,536 ns", "0123456789ab, with changes", "2026-11-22 09:00 UTC"]) {
      expect(texts).toContain(text);
    }
  });

  it("escapes all text from outside", () => {
    expect(full).toContain(escapeMarkup(EVIL));
    expect(full).not.toContain("<img");
    expect(full.match(/<\/title>/g)!.length).toBe(full.match(/<title>/g)!.length);
    // No attribute ends early: a quote of the name is always an entity or inside SVG text.
    expect(full).not.toMatch(/="[^"<>]*"alert/);
  });

  it("runs nothing and fetches nothing", () => {
    expect(full).not.toContain("<script");
    expect(full).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(full).not.toMatch(/url\(|@import/);
    expect(full).toContain(`content="default-src 'none'; img-src data:; style-src`);
    // No handler in a tag; the names of kernels in SVG text may look like one.
    expect(full).not.toMatch(/<[^<>]*\son\w+="/);
  });

  it("names every kernel in the table, and the samples of those that were timed", () => {
    for (const { kernel } of run.rows) {
      const name = escapeMarkup(kernel).replaceAll("_", "_<wbr>");
      expect(texts).toContain(`<th scope="row">${name}<span class="case">`);
      const timed = kernel !== "bin_kl";
      expect(texts.includes(`<summary>${name}</summary>`)).toBe(timed);
    }
    expect(texts).toContain("hot 2.003 ms");
    expect(texts).toContain("41 samples of 20 dispatches");
    expect(texts).toContain("1 above, up to 900.0 ms");
  });

  it("shows a wrong kernel with its error and no time", () => {
    expect(texts).toContain("1 of 4 WRONG");
    expect(texts).toContain(`<pre>file.wgsl:1:2 ${escapeMarkup(EVIL)}\n ^</pre>`);
    expect(texts).toMatch(/<td class="bad">WRONG<\/td><td class="untimed bad" colspan="6">/);
  });

  it("draws a line for each working set and each ceiling of arithmetic, and a dot a row", () => {
    const page = renderProfileReport({ ...base, summary, run });
    const drawn = wideRoofline(page);
    expect(drawn.match(/aria-label="link"/g)).toHaveLength(4);
    expect(drawn).toContain("f32 100 GFLOP/s");
    expect(drawn).toContain("1 MiB 12.0 GB/s");
    expect(drawn).toContain("64 MiB 10.0 GB/s");
    // Without arithmetic there is no place for it, without a time neither.
    expect(drawn.match(/<circle/g)).toHaveLength(2);
    const f16 = { ...ceilings, f16_gflops: 200 };
    const both = wideRoofline(renderProfileReport({ ...base, ceilings: f16, summary, run }));
    expect(both.match(/aria-label="link"/g)).toHaveLength(5);
    expect(both).toContain("f16 200 GFLOP/s");
  });

  it("closes the account of a step", () => {
    expect(texts).toContain("<b>10.00 ms</b>a step by itself [9.000, 11.00]");
    expect(texts).toContain("<b>5.0 %</b>unaccounted for");
    expect(texts).toContain("one for all +6.0 %");
    expect(texts).toMatch(/width:85\.00%;background:[^"]+" title="gpu 8\.500 ms">gpu</);
    expect(texts).toMatch(/conv2d<\/th><td>4\.000 ms<\/td><td class="share" style="--share: 50/);
  });

  it("does without ceilings", () => {
    const bare = summarize(run, null, null);
    const page = renderProfileReport({ ...base, ceilings: null, summary: bare, run });
    expect(page).toContain("`ringdepth profile ceilings` measures them");
    expect(page).not.toContain(`class="wide"`);
    expect(page).toContain("gemm");
  });

  it("says in each row what to try first, where something is known", () => {
    const advice = `every load is a single number${EVIL}`;
    const rows = summary.rows.map((one, i) => (i < 2 ? { ...one, advice } : one));
    const page = renderProfileReport({ ...base, summary: { ...summary, rows }, run });
    expect(page.match(/class="advice">[^<]+<span class="case">every load is a/g)).toHaveLength(2);
    expect(page).not.toContain(EVIL);
    expect(renderProfileReport({ ...base, summary, run })).not.toContain(`class="advice"`);
  });

  it("begins with the findings of a bench", () => {
    const bench = { name: "bins", findings: [`4.1 times as fast${EVIL}`, "met"] };
    const page = renderProfileReport({ ...base, summary, run, bench });
    expect(page).toContain("<h1>Benchmark: bins</h1>");
    expect(page).toMatch(/<h2>Findings<\/h2>\s*<p>4\.1 times as fast[^]*<p>met<\/p>/);
    expect(page).toContain("<h2>Alternatives");
    expect(page).not.toContain(EVIL);
  });

  it("does without an account, and without kernels", () => {
    const kernels = renderProfileReport({ ...base, summary, run });
    expect(kernels).not.toContain("Where a step goes");
    const step = renderProfileReport({ ...base, account });
    expect(step).toContain("<h1>Profile of step:train</h1>");
    for (const absent of ["<h2>Kernels", "<h2>Distribution", "NaN", "undefined"]) {
      expect(step).not.toContain(absent);
    }
  });
});

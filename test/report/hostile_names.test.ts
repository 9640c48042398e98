// Names from files on the pages: whatever a camera, a moment or a kernel is called, a page has the
// elements and attributes that it has for plain names, and no more.
import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import type { DepthMetrics } from "../../src/evaluate/metrics.ts";
import { parseRun } from "../../src/measure/saved_run.ts";
import { summarize } from "../../src/measure/summary.ts";
import { renderReport } from "../../src/report/html.ts";
import { renderProfileReport } from "../../src/profile/page/page.ts";

const HOSTILE = [
  `<b onmouseover="alert(1)">front</b>`,
  `" onmouseover="alert(1)" x="`,
  `' onfocus='alert(1)' autofocus x='`,
  "</script><script>alert(1)</script>",
  "</style></title></pre></table><svg onload=alert(1)>",
  "javascript:alert(1)",
  "<!-- --!> <![CDATA[",
  "&lt;img src=x onerror=alert(1)&gt;&#60;b&#62;",
  "`${alert(1)}`\\u003cb\\u003e",
  "front\u0000\u0008\u001b[31m\u202egnp.exe\ud800",
];

const METRICS: DepthMetrics = {
  abs_rel: 0.2,
  sq_rel: 1,
  rmse: 4,
  rmse_log: 0.2,
  a1: 0.8,
  a2: 0.9,
  a3: 0.95,
  silog: 20,
};

async function reportOf(name: string): Promise<string> {
  const evaluation = {
    protocol: name,
    min_m: 0.1,
    cap_m: 80,
    ring: [name],
    cameras: { [name]: METRICS },
    all: METRICS,
    images: { [name]: 4 },
    skipped_images: { [name]: 1 },
  };
  return renderReport({
    run: {
      name,
      date: name,
      adapter: name,
      softwareAdapter: true,
      data: name,
      student: name,
      parameters: 1,
      size: name,
      seed: 1,
      steps: 3,
      stepsPlanned: 3,
      time_s: 1,
    },
    loss: [{ label: name, steps: [1, 2], values: [2, 1] }],
    absRel: [{ label: name, steps: [1, 2], values: [2, 1] }],
    evaluation,
    baseline: evaluation,
    consistency: {
      pairs: [{ from: name, to: name, metres: 1, relative: 0.1, pixels: 7 }],
      all: { metres: 1, relative: 0.1 },
    },
    pictures: [{ caption: name, picture: { height: 1, width: 1, rgb: new Uint8Array(3) } }],
    kernels: [{ kernel: name, dispatches: 1, time_ms: 1 }],
    configuration: name,
  });
}

/** A profile as it comes from a file that somebody sent. */
function profileOf(name: string): string {
  const hot = { samples_ms: [1, 1.1, 1.2, 1.3], batch: 1, converged: true, trusted: true };
  const row = {
    kernel: name,
    case: name,
    shader_hash: name,
    checked: "case",
    error: "",
    flops: 1e6,
    bytes: 1e6,
    cold: null,
    hot,
  };
  const environment = {
    adapter: name,
    driver: name,
    software: false,
    timer_quantum_ns: 1,
    node: name,
    webgpu: name,
    platform: name,
    git: { commit: name, dirty: true },
  };
  const rows = [row, { ...row, kernel: `${name} `, error: name, hot: null }];
  const file = { version: 1, date: "2026-01-02T03:04:05.678Z", environment, rows };
  const run = parseRun(Buffer.from(JSON.stringify(file)), "sent.json");
  const ceilings = {
    version: 4,
    date: run.date,
    adapter: name,
    driver: name,
    bandwidth: [{ working_set_bytes: 1e6, copy_gbytes: 9, read_gbytes: 9, triad_gbytes: 9 }],
    gflops: 10,
    f16_gflops: null,
    empty_dispatch_us: 5,
  } as const;
  const summary = summarize(run, ceilings, { name, rows: [] });
  return renderProfileReport({ ...run, ceilings, summary, run, command: name });
}

/** Elements and names of attributes in order, and values that could run or load something. */
function skeleton(html: string): string[] {
  const { document } = parseHTML(html);
  return [...document.querySelectorAll("*")].map((element) => {
    const active = ["src", "href", "style", "action"].map((name) => element.getAttribute(name));
    // Pictures of the same pixels have the same bytes; drawings may differ with the length of text.
    const inDrawing = element.closest("svg") !== null;
    const values = inDrawing ? [] : active.map((value) => value?.slice(0, 40));
    return `${element.tagName} ${element.getAttributeNames().sort().join()} ${values.join()}`;
  });
}

const PLAIN = { report: await reportOf("front"), profile: profileOf("front") };

test.each(HOSTILE)(
  "a report with the name %j has no more elements than one without",
  async (name) => {
    const page = await reportOf(name);
    expect(skeleton(page)).toEqual(skeleton(PLAIN.report));
    const text = page.replace(/<script[\s\S]*?<\/script>/g, "");
    expect(/\p{Cc}|\u202e|\p{Cs}/u.test(text.replace(/[\t\n\r]/g, ""))).toBe(false);
  },
);

test.each(HOSTILE)("a profile page with the name %j has no more elements either", (name) => {
  const page = profileOf(name);
  const drawn = (html: string): string[] => skeleton(html.replace(/<svg.*?<\/svg>/gs, ""));
  expect(drawn(page)).toEqual(drawn(PLAIN.profile));
  const { document } = parseHTML(page);
  for (const element of document.querySelectorAll("*")) {
    expect(element.getAttributeNames().filter((attribute) => attribute.startsWith("on"))).toEqual(
      [],
    );
    expect(["SCRIPT", "B", "IMG", "FOREIGNOBJECT"]).not.toContain(
      element.closest("svg") === null ? "" : element.tagName.toUpperCase(),
    );
  }
});

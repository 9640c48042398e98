// The GPU campaign: a part that fails or takes too long is shown as such and the rest goes on; a dry run
// with tiny sizes; the convolutions that another engine is given.
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { convolutionsOf } from "../../tools/gpu_campaign/convolutions.ts";
import { campaignPage } from "../../tools/gpu_campaign/page.ts";
import { campaignParts, type Part } from "../../tools/gpu_campaign/parts.ts";
import { printedValues, runParts, type Campaign } from "../../tools/gpu_campaign/run_parts.ts";

const settings = { date: "2026-11-29T00:00:00.000Z", quick: true, budget_s: 60 };

function part(name: string, code: string, budget_s = 30): Part {
  return { name, title: `part ${name}`, command: ["node", "-e", code], budget_s };
}

test("a part that fails or is late is shown, and the next one runs", async () => {
  const kept: Campaign[] = [];
  const { parts } = await runParts(
    [
      part("broken", "console.error('first'); console.error('no such adapter'); process.exit(4)"),
      part("late", "console.log('{\"a\":1}'); setInterval(() => {}, 1000)", 2),
      part("fine", "console.log(JSON.stringify({ b: 2 }, null, 1))"),
    ],
    settings,
    async (campaign) => {
      kept.push({ ...campaign, parts: [...campaign.parts] });
      await Promise.resolve();
    },
    () => undefined,
  );
  expect(parts.map(({ status }) => status)).toEqual(["failed", "out of time", "done"]);
  expect(parts.map(({ reason }) => reason)).toEqual(["exit code 4: no such adapter", "", ""]);
  expect(parts.map(({ values }) => values)).toEqual([[], [{ a: 1 }], [{ b: 2 }]]);
  expect(kept.map((one) => one.parts.map(({ status }) => status))).toEqual([
    ["failed", "not begun", "not begun"],
    ["failed", "out of time", "not begun"],
    ["failed", "out of time", "done"],
  ]);
  const page = campaignPage({ ...settings, parts });
  expect(page).toContain("| part broken | failed |");
  expect(page).toContain("| part late | out of time |");
});

test("a campaign without time begins nothing", async () => {
  const run = runParts(
    [part("one", "process.exit(1)")],
    { ...settings, budget_s: 1 },
    async () => {
      await Promise.resolve();
    },
    () => undefined,
  );
  expect((await run).parts.map(({ status }) => status)).toEqual(["not begun"]);
});

test("whole lines count, a cut last one does not", () => {
  expect(printedValues('{"a":1}\n{"b":2}\n{"c":')).toEqual([{ a: 1 }, { b: 2 }]);
  expect(printedValues("")).toEqual([]);
});

test("the parts fit into their eight minutes, the most important first", () => {
  const parts = campaignParts({ quick: false, python: "python3" });
  expect(parts.reduce((sum, { budget_s }) => sum + budget_s, 0)).toBeLessThanOrEqual(480);
  expect(parts.map(({ name }) => name)).toEqual([
    "doctor",
    "step",
    "predict",
    "gemm",
    "convolutions",
    "torch",
    "torch_step",
    "bins",
    "check",
  ]);
});

test("another engine gets the convolutions of the step, without the gradient of the images", () => {
  const found = convolutionsOf("nano", "32x32");
  expect(found.length).toBeGreaterThan(5);
  expect(found.filter(({ differentiated }) => !differentiated)).toHaveLength(1);
  for (const { x, weight, groups } of found) expect(x[3]).toBe(weight[3] * groups);
});

test("a dry run from the shell leaves a page and its values", async () => {
  const out = mkdtempSync(join(tmpdir(), "ringdepth-campaign-"));
  const script = ["tools/gpu_campaign/run.sh", "--quick", "--only", "doctor,gemm", "--out", out];
  await promisify(execFile)("bash", script);
  const [json, page] = readdirSync(out)
    .toSorted()
    .map((file) => readFileSync(join(out, file), "utf8"));
  const campaign = JSON.parse(json) as Campaign;
  expect(campaign.parts.map(({ name, status }) => [name, status])).toEqual([
    ["doctor", "done"],
    ["gemm", "done"],
  ]);
  expect(page).toContain("**gemm, 64 x 64 x 64**");
  expect(page).not.toContain("WRONG");
});

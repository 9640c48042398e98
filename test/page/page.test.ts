// The page in a headless browser: its three views, and the same losses as in Node.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveConfig } from "../../src/train/config.ts";
import { parseStudent } from "../../src/train/trained/student_bytes.ts";
import { trainingConfig } from "../../src/page/training.ts";
import { buildPage } from "../../tools/page/build.ts";
import { servePage } from "../../tools/page/serve.ts";
import { browserDriver, findChromium, startChromium } from "./browser.ts";

const program = findChromium();
const CHOICE = { steps: 20, seed: 3, moments: 2, height: 32, width: 64, teacher: true };
const TRIES = 5;
/** Six digits. */
const SAME = 5e-7;
/** Many steps of the small training take less. */
const STILL_MS = 1000;

const folder = mkdtempSync(join(tmpdir(), "ringdepth-page-"));
const complaints: string[] = [];
let server: Server;
let browser: Browser;
let page: Page;

describe.skipIf(program === null)("the page", () => {
  beforeAll(async () => {
    await buildPage(join(folder, "page"));
    server = await servePage(join(folder, "page"), 0);
    browser = await startChromium(program!);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    watch(page);
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await untilOpen(page);
  });
  afterAll(async () => {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true });
  });

  test("draws six views of the built-in moment and their points", async () => {
    await page.waitForSelector("#predict-panorama figure:nth-child(6) canvas:nth-of-type(2)");
    const looks = await page.evaluate(() => {
      const canvases = document.querySelectorAll<HTMLCanvasElement>("#predict canvas");
      return [...canvases].map((canvas) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
    });
    // Image, depth and truth of six cameras, the scale, and the cloud.
    expect(looks).toHaveLength(3 * 6 + 2);
    for (const colors of looks) expect(colors).toBeGreaterThan(20);
  });

  test("predicts dropped images of a rig.json, and names what is missing", async () => {
    const rig = await page.evaluate(async () => {
      const names = ["front", "left", "back", "right", "a", "b"];
      const canvas = new OffscreenCanvas(128, 64);
      const context = canvas.getContext("2d")!;
      context.fillStyle = "#557799";
      context.fillRect(0, 0, 128, 64);
      const bytes = [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
      return { names, bytes };
    });
    const cameras = rig.names.map((name, i) => {
      const half = (i * Math.PI) / 6;
      const rotation = [0.5 * Math.cos(half), -0.5, 0.5, -0.5 * Math.cos(half)];
      const length = Math.hypot(...rotation);
      return {
        name,
        width: 128,
        height: 64,
        fx: 100,
        fy: 100,
        cx: 63.5,
        cy: 31.5,
        rotation: rotation.map((x) => x / length),
        translation_m: [0, 0, 1.5],
      };
    });
    const files = rig.names.map((name) => ({
      name: `${name}.png`,
      mimeType: "image/png",
      buffer: Buffer.from(rig.bytes),
    }));
    const text = { cameras, ring: rig.names };
    const json = {
      name: "rig.json",
      mimeType: "application/json",
      buffer: Buffer.from(JSON.stringify(text)),
    };
    await page.setInputFiles("#predict input[type=file]", [json, ...files.slice(1)]);
    await page.waitForSelector("#predict .status.bad");
    expect(await page.textContent("#predict .status")).toContain("no image for camera front");
    await page.setInputFiles("#predict input[type=file]", [json, ...files]);
    await page.waitForFunction(() =>
      document.querySelector("#predict .card .head span")!.textContent.startsWith("your images"),
    );
    expect(await page.locator("#predict-panorama figure").count()).toBe(6);
  });

  test("trains to the same losses as Node on the same driver", async ({ skip }) => {
    const driver = browserDriver(program!);
    if (driver === null) return skip("this browser brings no driver that Node can load");
    const inNode = nodeLosses(driver);
    await chooseTraining(CHOICE);
    await page.evaluate(() => {
      const list = document.querySelector<HTMLElement>("#train-numbers")!;
      const losses: string[] = [];
      Object.assign(globalThis, { losses });
      new MutationObserver(() => losses.push(list.dataset["loss"]!)).observe(list, {
        attributes: true,
      });
    });
    await page.click("#train button.main");
    await page.getByText("trained after 20 steps").waitFor();
    const inPage = await page.evaluate(() =>
      (globalThis as unknown as { readonly losses: readonly string[] }).losses.map(Number),
    );
    const expected = await inNode;
    expect(inPage).toHaveLength(20);
    for (const [step, loss] of inPage.entries()) {
      expect(Math.abs(loss / expected[step] - 1), `step ${step + 1}`).toBeLessThan(SAME);
    }
    const student = parseStudent(await downloaded(), "student.safetensors", () => {});
    expect(student.steps).toBe(20);
    expect(student.config).toEqual(resolveConfig(trainingConfig(CHOICE), "test"));
  });

  test("training pauses, continues and stops, and its student predicts", async () => {
    const train = page.locator("#train button.main");
    const pause = page.getByRole("button", { name: /^(?:Pause|Continue)$/ });
    const stop = page.getByRole("button", { name: "Stop" });
    const status = page.locator("#train .status");
    await chooseTraining({ ...CHOICE, steps: 1000 });
    // Before the first step, while the network is compiled.
    await train.click();
    await pause.click();
    expect(await status.textContent()).toBe("paused");
    expect(await pause.textContent()).toBe("Continue");
    await page.getByText("student after 0 steps").waitFor();
    const before = await shownStep();
    await page.waitForTimeout(STILL_MS);
    expect(await shownStep()).toBe(before);
    await pause.click();
    await page.waitForFunction(
      () => document.querySelector("#train .status")!.textContent === "step 2 of 1000",
    );
    await pause.click();
    // At most the step that was on its way arrives after a pause.
    await page.waitForTimeout(STILL_MS);
    const paused = await shownStep();
    await page.waitForTimeout(STILL_MS);
    expect(await shownStep()).toBe(paused);
    expect(await status.textContent()).toBe("paused");
    await stop.click();
    await page.getByText("stopped after").waitFor();
    const steps = Number(/stopped after (\d+) steps/.exec((await status.textContent())!)![1]);
    expect(steps).toBeGreaterThanOrEqual(2);
    expect(steps).toBeLessThan(100);
    expect(await train.isEnabled()).toBe(true);
    expect(await pause.isDisabled()).toBe(true);
    expect(await stop.isDisabled()).toBe(true);
    const bytes = await downloaded();
    expect(parseStudent(bytes, "student.safetensors", () => {}).steps).toBe(steps);

    await page.click("nav a[href='#predict']");
    await page.selectOption("#predict select", "trained");
    const caption = page.locator("#predict .card .head span").first();
    await caption.getByText(`student after ${steps} steps`).waitFor();
    const ofTab = await depthMaps();
    await page.setInputFiles("#predict input[type=file]", {
      name: "student.safetensors",
      mimeType: "application/octet-stream",
      buffer: bytes,
    });
    await caption.getByText("student.safetensors").waitFor();
    expect(await depthMaps()).toEqual(ofTab);
    expect(ofTab).toHaveLength(6);
  });

  test("a kernel turns WRONG when it is edited, and right again", async () => {
    await page.click("nav a[href='#kernels']");
    await page.waitForSelector("#kernel-report[data-verdict=OK]");
    const text = page.locator("#kernels textarea");
    const original = await text.inputValue();
    expect(original).toContain("log_of((depth[i]");
    await text.fill(original.replace("in slices;", "in equal slices;"));
    await page.getByText("repository's text").waitFor();
    await text.fill(original.replace("log_of((depth[i]", "log_of(2.0 * (depth[i]"));
    await page.waitForSelector("#kernel-report[data-verdict=WRONG]");
    await text.fill(original.replace("fn silog(", "fn silog(("));
    await page.getByText("shaders/silog.wgsl:").waitFor();
    await page.getByText("Undo all edits").click();
    await page.waitForSelector("#kernel-report[data-verdict=OK]");
    // No network of the page runs this one.
    await page.evaluate(() => document.querySelector("#kernel-report")!.replaceChildren());
    await page.selectOption("#kernels select[name=kernel]", "argmax");
    await page.locator("#kernel-report .good").waitFor();
    expect(await text.inputValue()).toContain("fn argmax(");
  });

  test("fits a narrow screen and says where there is no WebGPU", async () => {
    await page.setViewportSize({ width: 400, height: 800 });
    for (const view of ["predict", "train", "kernels"]) {
      await page.click(`nav a[href='#${view}']`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, view).toBeLessThanOrEqual(400);
    }
    const blind = await browser.newContext();
    const other = await blind.newPage();
    // A host that is not secure has no WebGPU.
    await other.route("http://ringdepth.test/**", async (route) => {
      const { pathname } = new URL(route.request().url());
      await route.fulfill({
        path: join(folder, "page", pathname === "/" ? "index.html" : pathname),
      });
    });
    await other.goto("http://ringdepth.test/");
    await other.getByText("WebGPU needs a secure page").waitFor();
    await blind.close();
  });

  test("works without a GPU clock and without subgroups", async () => {
    const other = await pageWith(
      `Object.defineProperty(GPUAdapter.prototype, "features", { get: () => new Set() });`,
    );
    await other.getByText("no GPU clock · no subgroups").waitFor();
    await other.click("nav a[href='#kernels']");
    await other.getByText("this thread's clock").waitFor();
    await other.waitForSelector("#kernel-report[data-verdict=OK]");
    expect(await other.textContent("#kernel-report")).toMatch(/OK[\d.]+ (?:us|ms) \[/);
    await other.close();
  });

  test.for([
    [
      "Object.defineProperty(navigator, 'gpu', { value: undefined });",
      "this browser has no WebGPU",
    ],
    ["navigator.gpu.requestAdapter = async () => null;", "found no adapter"],
  ])("says what is missing after %s", async ([code, message]) => {
    const other = await pageWith(code);
    await other.getByText(message).waitFor();
    expect(await other.locator("#predict").isVisible()).toBe(false);
    await other.close();
  });

  test("nothing was written to the console", () => {
    expect(complaints).toEqual([]);
  });
});

/** Opens the training view and makes these choices. */
async function chooseTraining({ steps, moments, seed }: typeof CHOICE): Promise<void> {
  await page.click("nav a[href='#train']");
  for (const [i, value] of [steps, moments, seed].entries()) {
    await page.locator("#train input[type=number]").nth(i).fill(String(value));
  }
  await page.selectOption("#train select", { label: "32 x 64" });
}

/** The step that the training view shows; 0 before the first. */
async function shownStep(): Promise<number> {
  const text = await page.locator("#train-numbers").textContent();
  return Number(/^step(\d+)/.exec(text ?? "")?.[1] ?? 0);
}

/** The pictures of predicted depth, as their bytes. */
async function depthMaps(): Promise<string[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll<HTMLCanvasElement>("#predict figure canvas:nth-of-type(2)")].map(
      (canvas) => canvas.toDataURL(),
    ),
  );
}

/** The student that the training view lets one download. */
async function downloaded(): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.click("#train .head button"),
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Waits for the adapter. A busy machine may start the browser's GPU process too late for the first try. */
async function untilOpen(one: Page): Promise<void> {
  for (let turn = 0; turn < TRIES; turn++) {
    await one.waitForFunction(
      () => document.querySelector("#adapter")!.textContent !== "looking for WebGPU",
    );
    if (!(await one.locator("#no-gpu").isVisible())) return;
    await one.reload();
  }
  throw new Error(`no adapter: ${await one.textContent("#no-gpu-reason")}`);
}

/** The page with a worker that runs `code` first. */
async function pageWith(code: string): Promise<Page> {
  const other = await browser.newPage();
  watch(other);
  await other.route("**/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code}\n${await response.text()}` });
  });
  await other.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  return other;
}

/** Keeps every line that the page writes to its console. */
function watch(one: Page): void {
  one.setDefaultTimeout(110_000);
  one.on("console", (message) => complaints.push(message.text()));
  one.on("pageerror", ({ message }) => complaints.push(message));
}

/** The losses of the same training in Node on the browser's driver. */
async function nodeLosses(driver: string): Promise<number[]> {
  const config = JSON.stringify(trainingConfig(CHOICE));
  const script = "test/page/node_training.ts";
  const args = ["--import", "tsx", script, config, join(folder, "run")];
  const env = { ...process.env, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as number[];
}

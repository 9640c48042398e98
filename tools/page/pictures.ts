// Takes the pictures of the page in tools/pictures/, at the widths of a desk and of a telephone:
// tsx tools/page/pictures.ts. Needs a Chromium, as the tests of the page do.
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { findChromium, startChromium } from "../../test/page/browser.ts";
import { buildPage } from "./build.ts";
import { servePage } from "./serve.ts";

const WIDTHS = [1280, 400];
const STEPS = 60;

/** The steps to the state that each picture shows. */
const VIEWS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  predict: async (page) => {
    await page.waitForSelector("#predict-panorama figure:nth-child(6)");
  },
  train: async (page) => {
    await page.locator("#train input[type=number]").first().fill(String(STEPS));
    await page.click("#train button.main");
    await page.getByText(`trained after ${STEPS} steps`).waitFor();
  },
  kernels: async (page) => {
    await page.waitForSelector("#kernel-report[data-verdict=OK]");
  },
};

const program = findChromium();
if (program === null) process.exit(1);
const folder = mkdtempSync(join(tmpdir(), "ringdepth-page-"));
await buildPage(folder);
const server = await servePage(folder, 0);
const browser = await startChromium(program);
try {
  const { port } = server.address() as AddressInfo;
  for (const [name, prepare] of Object.entries(VIEWS)) {
    for (const width of WIDTHS) {
      const page = await browser.newPage({
        viewport: { width, height: 800 },
        // One picture of a dark screen shows that it is legible too.
        colorScheme: name === "kernels" && width === WIDTHS[0] ? "dark" : "light",
      });
      page.setDefaultTimeout(600_000);
      await page.goto(`http://localhost:${port}/#${name}`);
      await prepare(page);
      await page.waitForTimeout(500); // The cloud and the curve follow in a later frame.
      const path = `tools/pictures/page_${name}_${width}.png`;
      const picture = await page.screenshot({ fullPage: true });
      await sharp(picture).png({ palette: true, effort: 10 }).toFile(path);
      console.log(path);
      await page.close();
    }
  }
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true });
}

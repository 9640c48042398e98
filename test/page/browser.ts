// A headless Chromium on its software adapter, which needs no GPU. Where there is none, tests of the
// page are left out and say so.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const PLACES = [
  process.env["RINGDEPTH_CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

const START_MS = 20_000;

/** The browser's program; null, with a line that says so, if none is installed that starts. */
export function findChromium(): string | null {
  // Ubuntu's chromium-browser is a script that only names a snap.
  const starts = (path: string): boolean =>
    spawnSync(path, ["--version"], { timeout: START_MS }).status === 0;
  const found = PLACES.find((path) => path !== "" && existsSync(path) && starts(path));
  if (found !== undefined) return found;
  console.warn(
    "tests of the page are left out: no Chromium in /usr/bin that starts (as root: apt-get install " +
      "chromium; RINGDEPTH_CHROMIUM names another)",
  );
  return null;
}

/** Starts the browser; it belongs to the caller. */
export async function startChromium(program: string): Promise<Browser> {
  return await chromium.launch({
    executablePath: program,
    args: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-sandbox"],
  });
}

/** The browser's own SwiftShader as a Vulkan driver for Node; null if it brings none. */
export function browserDriver(program: string): string | null {
  // Debian's /usr/bin/chromium is a script that starts the program below /usr/lib.
  const isScript = readFileSync(program).subarray(0, 2).toString() === "#!";
  const own = dirname(realpathSync(program));
  const folders = isScript ? ["/usr/lib/chromium", own] : [own];
  const files = folders.map((folder) => join(folder, "vk_swiftshader_icd.json"));
  return files.find((file) => existsSync(file)) ?? null;
}

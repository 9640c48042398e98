// A headless Chromium on its software adapter, which needs no GPU. Where there is none, tests of the
// page are left out and say so.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const PLACES = [
  process.env["RINGDEPTH_CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** The browser's program; null, with a line that says so, if it is not installed. */
export function findChromium(): string | null {
  const found = PLACES.find((path) => path !== "" && existsSync(path));
  if (found !== undefined) return found;
  console.warn(
    "tests of the page are left out: no Chromium in /usr/bin (RINGDEPTH_CHROMIUM names another)",
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
  const folders = isScript ? ["/usr/lib/chromium", dirname(program)] : [dirname(program)];
  const files = folders.map((folder) => join(folder, "vk_swiftshader_icd.json"));
  return files.find((file) => existsSync(file)) ?? null;
}

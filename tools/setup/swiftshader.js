// Brings SwiftShader, a software Vulkan driver that needs no root: an npm package carries it with a
// Vulkan loader. Only fetched here; src/gpu/software_adapter.ts loads it in process.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { runNpm, say, tail } from "./command.js";
import { readTar } from "./tar.js";

const PACKAGE = "@sparticuz/chromium@147.0.0"; // 68 MB, of which 3.5 MB are used
const ARCHIVE = "package/bin/swiftshader.tar.br";
const ARCHIVE_SHA256 = "f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a";
const FILES = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"];

/**
 * Where the driver lies once fetched.
 * @param {string} root folder of package.json
 */
function driverFolder(root) {
  return join(root, ".cache", "swiftshader"); // src/gpu/software_adapter.ts looks here too
}

/**
 * Whether the driver was fetched before.
 * @param {string} root folder of package.json
 */
export function hasSwiftShader(root) {
  return existsSync(driverFolder(root));
}

/**
 * Fetches the driver and says so; null when done, else the reason why not.
 * @param {string} root folder of package.json
 * @param {string} advice how to get lavapipe instead
 * @returns {Promise<string | null>}
 */
export async function fetchSwiftShader(root, advice) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `the npm package has no SwiftShader for ${process.platform} ${process.arch}`;
  }
  say(`fetching SwiftShader from npm ${PACKAGE} (a software Vulkan driver that needs no root)`);
  say(`lavapipe is several times faster: ${advice}`);
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache", "fetch-"));
  try {
    const packed = await runNpm(
      ["pack", PACKAGE, "--pack-destination", folder, "--prefer-offline"],
      root,
    );
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    if (!packed.ok || tarball === undefined) return `npm pack failed:\n${tail(packed.output)}`;
    const archive = readTar(gunzipSync(readFileSync(join(folder, tarball)))).get(ARCHIVE);
    if (
      archive === undefined ||
      createHash("sha256").update(archive).digest("hex") !== ARCHIVE_SHA256
    ) {
      return `${PACKAGE}: ${ARCHIVE} is not the file that was expected`;
    }
    const files = readTar(brotliDecompressSync(archive));
    const ready = join(folder, "ready");
    mkdirSync(ready);
    for (const name of FILES)
      writeFileSync(join(ready, name), files.get(name) ?? "", { mode: 0o755 });
    rmSync(driverFolder(root), { recursive: true, force: true });
    renameSync(ready, driverFolder(root)); // whole or not at all
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

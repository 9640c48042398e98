// Makes sure that Dawn finds an adapter: the machine's own, else lavapipe, else SwiftShader. What
// was found is kept in .cache/setup.json with the state of the drivers, so that the next run need
// not ask Dawn again.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand, say, SetupError, tail } from "./command.js";
import { installLavapipe, lavapipeAdvice, thisMachinesArchive } from "./lavapipe.js";
import { fetchSwiftShader, hasSwiftShader } from "./swiftshader.js";

// Where Vulkan loaders look for drivers.
const DRIVER_LISTS = [
  "/usr/share/vulkan/icd.d",
  "/etc/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
];
const LIBRARY_FOLDERS = [
  "/usr/lib",
  "/usr/lib64",
  `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
];
const DRIVER_VARIABLES = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"];
const EXIT_NO_ADAPTER = 4;
const PROBE = fileURLToPath(new URL("./probe.js", import.meta.url));

/**
 * Files named so in any of the folders, with their times: a driver that comes, goes or changes
 * changes these.
 * @param {readonly string[]} folders
 * @param {RegExp} pattern
 * @returns {string[]}
 */
function filesWithTimes(folders, pattern) {
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => pattern.test(name))
        .map((name) => `${folder}/${name} ${statSync(join(folder, name)).mtimeMs}`),
    );
}

/** Whether the files say that Vulkan may have a driver. Cheap, may be wrong: Dawn decides. */
export function looksLikeVulkan() {
  if (process.platform !== "linux") return true;
  if (DRIVER_VARIABLES.some((name) => process.env[name] !== undefined)) return true;
  const loader = filesWithTimes(LIBRARY_FOLDERS, /^libvulkan\.so\.1$/);
  return loader.length > 0 && filesWithTimes(DRIVER_LISTS, /\.json$/).length > 0;
}

/**
 * All that decides which adapter Dawn finds.
 * @param {string} root folder of package.json
 * @returns {string}
 */
function driverState(root) {
  const dawn = join(root, "node_modules", "webgpu", "package.json");
  return JSON.stringify([
    process.platform,
    process.arch,
    existsSync(dawn) ? readFileSync(dawn, "utf8").match(/"version": "([^"]+)"/)?.[1] : null,
    filesWithTimes(LIBRARY_FOLDERS, /^libvulkan\.so\.1$/),
    filesWithTimes(DRIVER_LISTS, /\.json$/),
    DRIVER_VARIABLES.map((name) => process.env[name] ?? null),
    // Root may bring lavapipe in place of the SwiftShader that a user had to take: look again then.
    hasSwiftShader(root) ? process.getuid?.() === 0 : null,
  ]);
}

/**
 * Whether an adapter was found before and no driver has changed since.
 * @param {string} root folder of package.json
 */
export function adapterIsKnown(root) {
  const stamp = join(root, ".cache", "setup.json");
  if (!existsSync(stamp)) return false;
  try {
    return JSON.parse(readFileSync(stamp, "utf8")).drivers === driverState(root);
  } catch {
    return false; // cut short by a crash: ask again
  }
}

/**
 * Finds an adapter, brings a software one where there is none, says which it is and keeps that.
 * Needs the packages. Throws SetupError when there is no way to an adapter.
 * @param {string} root folder of package.json
 * @param {string | null | undefined} lavapipeFailure why there is no lavapipe; null: it was just
 *   installed; undefined: not tried yet
 */
export async function findOrBringAdapter(root, lavapipeFailure) {
  let found = await probe();
  let reason = lavapipeFailure;
  const couldBeBetter = found.name === null || /swiftshader/i.test(found.name);
  if (couldBeBetter && reason === undefined && process.platform === "linux") {
    reason = await installLavapipe(thisMachinesArchive());
    if (reason === null) found = await probe();
  }
  if (found.name === null && process.platform === "linux") {
    const refused = `it is installed, but Dawn refuses it${found.output}`;
    say(`lavapipe is not to be had: ${reason ?? refused}`);
    const failure = await fetchSwiftShader(root, lavapipeAdvice(thisMachinesArchive()));
    if (failure !== null) throw new SetupError(`no adapter: ${failure}`, EXIT_NO_ADAPTER);
    found = await probe();
  }
  if (found.name === null) {
    throw new SetupError(
      `no WebGPU adapter, and none that set-up could bring${found.output}`,
      EXIT_NO_ADAPTER,
    );
  }
  const own = { darwin: " (Metal is part of macOS)", win32: " (Direct3D 12 is part of Windows)" };
  const note = own[/** @type {keyof typeof own} */ (process.platform)];
  say(`adapter: ${found.name}${note === undefined ? "" : `${note}, nothing to install`}`);
  mkdirSync(join(root, ".cache"), { recursive: true });
  const stamp = { adapter: found.name, drivers: driverState(root) };
  writeFileSync(join(root, ".cache", "setup.json"), `${JSON.stringify(stamp, null, 2)}\n`);
}

/**
 * The adapter's name, null for none; `output` is what the probe said when it broke.
 * @returns {Promise<{ name: string | null, output: string }>}
 */
async function probe() {
  const { ok, stdout, output } = await runCommand(process.execPath, [PROBE], { limit_s: 60 });
  // The last line: drivers print warnings of their own.
  if (ok) return { name: JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "null"), output: "" };
  return { name: null, output: `\n${tail(output)}` };
}

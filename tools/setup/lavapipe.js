// Installs lavapipe, Mesa's software Vulkan driver, with apt-get where we may. The machine's apt
// configuration stays as it is: what Debian 12 needs beside it lives in a temporary folder.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backportsSources, parseDeb822, parseOneLine } from "./apt_sources.js";
import { runCommand, say, tail } from "./command.js";

const DRIVER_PACKAGES = ["mesa-vulkan-drivers", "libvulkan1"];
const PATIENCE = ["-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::Retries=2"];

/**
 * Which archive of the distribution has a lavapipe that Dawn accepts (Mesa 22.3 and older is
 * refused: it lacks shaderUniform*ArrayDynamicIndexing); "none" with the reason in words.
 * @typedef {{ archive: "main" } | { archive: "backports", codename: string } |
 *   { archive: "none", why: string }} LavapipeArchive
 */

/**
 * @param {string} osRelease text of /etc/os-release
 * @returns {LavapipeArchive}
 */
export function lavapipeArchive(osRelease) {
  /** @param {string} key */
  const field = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1] ?? "";
  const [id, like, version] = [
    field("ID"),
    field("ID_LIKE"),
    Number.parseFloat(field("VERSION_ID")),
  ];
  const tooOld = {
    archive: /** @type {const} */ ("none"),
    why: `the Mesa of ${field("PRETTY_NAME")} is too old for Dawn`,
  };
  if (id === "debian") {
    if (version < 12) return tooOld;
    if (version === 12) return { archive: "backports", codename: field("VERSION_CODENAME") };
    return { archive: "main" }; // testing and unstable have no number
  }
  if (id === "ubuntu") return version < 22.04 ? tooOld : { archive: "main" };
  if (/\b(debian|ubuntu)\b/.test(like)) return { archive: "main" };
  return {
    archive: "none",
    why: `set-up knows the package of Debian and Ubuntu only, not of ${id || "this system"}`,
  };
}

/**
 * The command that a person types for lavapipe on this machine.
 * @param {LavapipeArchive} plan
 * @returns {string}
 */
export function lavapipeAdvice(plan) {
  if (plan.archive === "none")
    return "install your system's Mesa Vulkan drivers (Mesa 23 or newer)";
  if (plan.archive === "main") return "as root: apt-get install mesa-vulkan-drivers";
  return "run `npm run setup` as root, which installs mesa-vulkan-drivers from Debian's backports";
}

/**
 * The plan for this machine.
 * @returns {LavapipeArchive}
 */
export function thisMachinesArchive() {
  if (!existsSync("/etc/os-release")) return { archive: "none", why: "no /etc/os-release" };
  return lavapipeArchive(readFileSync("/etc/os-release", "utf8"));
}

/**
 * Installs the driver and says so; null when done, else the reason why not.
 * @param {LavapipeArchive} plan
 * @returns {Promise<string | null>}
 */
export async function installLavapipe(plan) {
  if (plan.archive === "none") return plan.why;
  if (!existsSync("/usr/bin/apt-get")) return "there is no apt-get";
  const root = await asRoot();
  if (root === null) return "that needs root, or sudo without a password";
  const source =
    plan.archive === "main"
      ? "lavapipe, a software Vulkan driver"
      : `lavapipe, a software Vulkan driver, from ${plan.codename}-backports: Dawn refuses the release's own`;
  say(`no WebGPU adapter here: installing mesa-vulkan-drivers with apt-get (${source})`);
  const folder = mkdtempSync(join(tmpdir(), "ringdepth-apt-"));
  try {
    const sources = plan.archive === "main" ? [] : privateSources(folder, plan.codename);
    if (sources === null) return "apt's sources name no Debian mirror";
    const apt = [...root, "apt-get", "-q", "-y", ...PATIENCE, ...sources];
    // A vendor's broken source fails the update; whether the package is there is for the install to
    // say.
    const update = await run([...apt, "update"]);
    const install = await run([...apt, "install", "--no-install-recommends", ...DRIVER_PACKAGES]);
    const output = update.ok ? install.output : `${update.output}\n${install.output}`;
    return install.ok ? null : `apt-get failed:\n${tail(output)}`;
  } finally {
    await run([...root, "rm", "-rf", folder]); // apt's files in it are root's
  }
}

/** @param {string[]} command */
function run([program = "", ...args]) {
  return runCommand(program, args, { limit_s: 180 });
}

/**
 * What to put before a command to run it as root, null where we may not.
 * @returns {Promise<string[] | null>}
 */
async function asRoot() {
  const quiet = ["env", "DEBIAN_FRONTEND=noninteractive"];
  if (process.getuid?.() === 0) return quiet;
  const sudo = await runCommand("sudo", ["-n", "true"], { limit_s: 10 });
  return sudo.ok ? ["sudo", "-n", ...quiet] : null;
}

/**
 * Options that make apt-get use only sources, package lists and a cache in `folder`; null where the
 * machine has no mirror to derive them from.
 * @param {string} folder
 * @param {string} codename
 * @returns {string[] | null}
 */
function privateSources(folder, codename) {
  const text = backportsSources(readSources("/etc/apt"), codename);
  if (text === null) return null;
  chmodSync(folder, 0o755); // apt fetches as a user of its own
  for (const path of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  writeFileSync(join(folder, "debian.sources"), text);
  const settings = {
    "Dir::Etc::SourceList": join(folder, "debian.sources"),
    "Dir::Etc::SourceParts": "-",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::Cache": join(folder, "cache"),
    "APT::Default-Release": `${codename}-backports`,
    "Acquire::Languages": "none",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  writeFileSync(join(folder, "apt.conf"), lines.join(""));
  return ["-c", join(folder, "apt.conf")];
}

/**
 * All sources of a machine.
 * @param {string} folder /etc/apt
 */
function readSources(folder) {
  const parts = join(folder, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return [join(folder, "sources.list"), ...names]
    .filter((path) => existsSync(path))
    .flatMap((path) => {
      if (path.endsWith(".sources")) return parseDeb822(readFileSync(path, "utf8"));
      return path.endsWith(".list") ? parseOneLine(readFileSync(path, "utf8")) : [];
    });
}

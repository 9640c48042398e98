// Brings node_modules in line with package-lock.json. Keeps no stamp of its own: npm records what
// it installed in node_modules/.package-lock.json, and that record goes away with the folder.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runNpm, say, SetupError, tail } from "./command.js";

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean,
 *   os?: string[], cpu?: string[], libc?: string[] }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lock
 * @typedef {{ os: string, cpu: string, libc: string }} Platform
 */

/**
 * What this machine is, in the words of a lockfile.
 * @returns {Platform}
 */
function thisPlatform() {
  const libc = existsSync("/etc/alpine-release") ? "musl" : "glibc";
  return { os: process.platform, cpu: process.arch, libc };
}

/**
 * The first package that is missing or of another version, null when nothing is. An optional
 * package is expected only on the platform that it is built for.
 * @param {Lock} locked package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json
 * @param {Platform} platform
 * @returns {string | null}
 */
export function firstStalePackage(locked, installed, platform) {
  for (const [path, wanted] of Object.entries(locked.packages)) {
    if (path === "") continue; // the project itself
    const found = installed.packages[path];
    if (found === undefined && wanted.optional === true && !isBuiltFor(wanted, platform)) continue;
    if (found?.version !== wanted.version || found?.integrity !== wanted.integrity) {
      return `${path.replace(/^.*node_modules\//, "")} ${wanted.version}`;
    }
  }
  return null;
}

/**
 * @param {LockedPackage} wanted
 * @param {Platform} platform
 */
function isBuiltFor(wanted, platform) {
  const { os, cpu, libc } = wanted;
  if (os === undefined || cpu === undefined) return false; // for any machine: WebAssembly
  const fits = os.includes(platform.os) && cpu.includes(platform.cpu);
  return fits && (libc === undefined || libc.includes(platform.libc));
}

/**
 * Why packages have to be installed, null when they need not be.
 * @param {string} root folder of package.json
 * @returns {string | null}
 */
export function packagesToInstall(root) {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return "node_modules is missing";
  const stale = firstStalePackage(
    readLock(join(root, "package-lock.json")),
    readLock(record),
    thisPlatform(),
  );
  return stale === null ? null : `node_modules lacks ${stale}`;
}

/**
 * @param {string} path
 * @returns {Lock}
 */
function readLock(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * Installs what package-lock.json says; throws SetupError with npm's last lines when that fails.
 * Not `npm ci`: that empties node_modules first.
 * @param {string} root folder of package.json
 * @param {string} why
 */
export async function installPackages(root, why) {
  say(`installing the npm packages of package-lock.json: ${why}`);
  // NODE_ENV=production would leave out the tests' packages.
  const { ok, output } = await runNpm(
    [
      "install",
      "--no-save",
      "--include=dev",
      "--include=optional",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
    ],
    root,
  );
  if (!ok) throw new SetupError(`npm install failed:\n${tail(output)}`, 1);
}

// The other engines: installed beside the bench on first use, never dependencies of ringdepth.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../../src/tensor/error.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const { dependencies } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
};

/** The pinned version of a package. */
export function versionOf(name: string): string {
  return dependencies[name];
}

/** Loads CommonJS packages from bench/peers/node_modules. */
export const load: NodeJS.Require = createRequire(join(HERE, "package.json"));

/** Installs the pinned packages if one is missing; throws InputError if npm cannot. */
export function installPeers(): void {
  const missing = Object.keys(dependencies).filter((name) => installed(name) !== versionOf(name));
  if (missing.length === 0) return;
  process.stderr.write(`installing ${missing.join(", ")} into bench/peers/node_modules\n`);
  const options = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { status } = spawnSync("npm", options, {
    cwd: HERE,
    stdio: ["ignore", process.stderr, process.stderr],
    shell: process.platform === "win32", // npm is a .cmd there
  });
  if (status !== 0) {
    throw new InputError(`npm could not install ${missing.join(", ")}: is the registry reachable?`);
  }
}

function installed(name: string): string | null {
  const file = join(HERE, "node_modules", name, "package.json");
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

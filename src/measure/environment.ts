// The machine and code that a profile was taken with, so that two are compared only if that is
// meaningful.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";

/** Everything that a time depends on besides the kernel. */
export interface Environment {
  readonly adapter: string;
  readonly driver: string;
  readonly software: boolean;
  readonly timer_quantum_ns: number;
  readonly node: string;
  readonly webgpu: string;
  readonly platform: string;
  /**
   * The commit of the working folder, and whether files differ from it; null outside a repository.
   */
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
}

/** The schema of an environment in a saved run. */
export const environmentSchema: z.ZodType<Environment> = z.strictObject({
  adapter: z.string(),
  driver: z.string(),
  software: z.boolean(),
  timer_quantum_ns: z.number().nonnegative(),
  node: z.string(),
  webgpu: z.string(),
  platform: z.string(),
  git: z.strictObject({ commit: z.string(), dirty: z.boolean() }).nullable(),
});

/** The environment of this process; its commit is that of `folder`. */
export async function describeEnvironment(
  gpu: Gpu,
  quantum_ns: number,
  folder: string = ROOT,
): Promise<Environment> {
  const { name: adapter, driver, software } = gpu.facts;
  const webgpu = createRequire(import.meta.url)("webgpu/package.json") as { version: string };
  return {
    adapter,
    driver,
    software,
    timer_quantum_ns: quantum_ns,
    node: process.versions.node,
    webgpu: webgpu.version,
    platform: `${process.platform} ${process.arch}`,
    git: await gitState(folder),
  };
}

/** The fields that differ and forbid a comparison, as text; empty if there are none. */
export function incomparable(a: Environment, b: Environment): string {
  return (["adapter", "driver", "timer_quantum_ns"] as const)
    .filter((field) => a[field] !== b[field])
    .map((field) => `${field} ${a[field]} against ${b[field]}`)
    .join(", ");
}

/**
 * The folder for files that may be deleted at any time: RINGDEPTH_CACHE, else the user's own; null
 * if the user has no home.
 */
function cacheFolder(): string | null {
  const { RINGDEPTH_CACHE = "", XDG_CACHE_HOME = "" } = process.env;
  if (RINGDEPTH_CACHE !== "") return RINGDEPTH_CACHE;
  // The XDG specification says that a path that is not absolute must be ignored.
  if (isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, "ringdepth");
  const home = homeFolder();
  return home === null ? null : join(home, ".cache", "ringdepth");
}

function homeFolder(): string | null {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : null;
  } catch {
    return null; // No HOME, and a user unknown to the system.
  }
}

/**
 * The file of an adapter in the folder of caches, named by `fileIn`; null without such a folder.
 */
export function cachedFile<Facts>(
  fileIn: (folder: string, facts: Facts) => string,
  facts: Facts,
): string | null {
  const folder = cacheFolder();
  return folder === null ? null : fileIn(folder, facts);
}

/** The file of one adapter and driver in `kind` of the folder of caches. */
export function adapterFile(
  folder: string,
  kind: string,
  { name, driver }: Pick<AdapterFacts, "name" | "driver">,
): string {
  const stem = `${name} ${driver}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return join(folder, kind, `${stem}.json`);
}

// Beside src/ (or dist/): the folder of shaders/ and, in a checkout, of .git.
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The output of `git` in the folder of this program; null as `gitIn`. */
export async function git(...args: readonly string[]): Promise<string | null> {
  return await gitIn(ROOT, ...args);
}

/** The output of `git` in a folder; null if it fails: no git, no repository, or no such name. */
export async function gitIn(folder: string, ...args: readonly string[]): Promise<string | null> {
  try {
    return (await promisify(execFile)("git", [...args], { cwd: folder })).stdout;
  } catch {
    return null;
  }
}

async function gitState(folder: string): Promise<Environment["git"]> {
  const commit = await gitIn(folder, "rev-parse", "HEAD");
  const status = await gitIn(folder, "status", "--porcelain", "--untracked-files=no");
  if (commit === null || status === null) return null;
  return { commit: commit.trim(), dirty: status !== "" };
}

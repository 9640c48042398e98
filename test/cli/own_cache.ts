// A cache folder of a test file's own, with invented ceilings: no command measures any or touches
// the user's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { ceilingsFile, writeCeilings } from "../../src/measure/ceilings.ts";
import { gpu } from "../support/gpu.ts";

/** The folder, which is the cache for as long as the tests of the file run. */
export function ownCache(): string {
  const folder = mkdtempSync(join(tmpdir(), "ringdepth-cli-"));
  const before = process.env["RINGDEPTH_CACHE"];
  beforeAll(async () => {
    process.env["RINGDEPTH_CACHE"] = folder;
    const rates = { copy_gbytes: 10, read_gbytes: 10, triad_gbytes: 10 };
    await writeCeilings(ceilingsFile(folder, gpu.facts), {
      version: 4,
      date: new Date().toISOString(),
      adapter: gpu.facts.name,
      driver: gpu.facts.driver,
      bandwidth: [{ working_set_bytes: 2 ** 20, ...rates }],
      gflops: 100,
      f16_gflops: null,
      empty_dispatch_us: 1e-3,
    });
  });
  afterAll(() => {
    if (before === undefined) delete process.env["RINGDEPTH_CACHE"];
    else process.env["RINGDEPTH_CACHE"] = before;
    rmSync(folder, { recursive: true });
  });
  return folder;
}

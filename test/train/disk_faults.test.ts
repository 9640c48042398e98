// A disk that fails at the n-th call, for every n until a run gets through: the error is one line
// that names a file, and the run that goes on afterwards ends as if nothing had happened.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { withDisk } from "../../src/formats/disk.ts";
import { InputError } from "../../src/tensor/error.ts";
import { checkpointsIn, openCheckpoint } from "../../src/train/checkpoint.ts";
import { runPaths } from "../../src/train/run_folder.ts";
import { FAULTS, failingDisk } from "../../tools/torture/failing_disk.ts";
import { faultsOfRun, paperRun } from "../../tools/torture/paper_run.ts";

const STEPS = 5;
const root = mkdtempSync(join(tmpdir(), "ringdepth-faults-"));
afterAll(() => rmSync(root, { recursive: true }));

const sound = failingDisk("EIO", 0);
const trained = async (name: string): Promise<Buffer> =>
  await withDisk(sound, async () => await paperRun({ out: join(root, name), steps: STEPS }));

test.each(FAULTS)("%s at each call", async (fault) => {
  const unbroken = await trained(`unbroken_${FAULTS.indexOf(fault)}`);
  let n = 0;
  for (;;) {
    n++;
    const name = `${FAULTS.indexOf(fault)}_${n}`;
    const out = join(root, name);
    const disk = failingDisk(fault, n);
    const error: unknown = await withDisk(disk, async () => {
      try {
        await paperRun({ out, steps: STEPS });
        return null;
      } catch (thrown) {
        return thrown;
      }
    });
    if (disk.failures() === 0) break;
    // A failure may be no harm: what could not be done was not needed.
    if (error !== null) {
      expect(error, name).toBeInstanceOf(InputError);
      expect((error as Error).message, name).toContain(root);
      // The folder's name is random, and may look like a code of the system.
      const { message } = error as Error;
      expect(message.replaceAll(root, ""), name).not.toMatch(/injected|E[A-Z]{2,}|\n/);
    }
    for (const { file } of await checkpointsIn(runPaths(out).checkpoints))
      await openCheckpoint(file);
    expect((await trained(name)).equals(unbroken), name).toBe(true);
    expect(faultsOfRun(out, STEPS), name).toEqual([]);
  }
  expect(n).toBeGreaterThan(50);
});

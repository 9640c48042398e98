// Damaged files: single flipped bits and cuts of a student and of a checkpoint, each of which must
// be found; and a disk that fails at each call.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withDisk } from "../../src/formats/disk.ts";
import { openSealed } from "../../src/formats/sealed_file.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { checkpointsIn } from "../../src/train/checkpoint.ts";
import { runPaths } from "../../src/train/run_folder.ts";
import { failingDisk, FAULTS } from "./failing_disk.ts";
import { faultsOfRun, paperRun } from "./paper_run.ts";
import { newTally, type Tally, type TortureOptions } from "./tally.ts";

const STEPS = 5;

/** Flips and cuts at random places, and a cut at every byte of the first 4 KiB. */
export async function torturedByDamage({
  isLarge,
  count,
  seed,
  root,
}: TortureOptions): Promise<Tally> {
  const tally = newTally("flipped bits and cuts of student and checkpoint", "files");
  const out = join(root, "damaged");
  await paperRun({ out, steps: STEPS });
  const [{ file }] = await checkpointsIn(runPaths(out).checkpoints);
  const random = randomStream(seed, 3);
  for (const path of [file, runPaths(out).student]) {
    const bytes = readFileSync(path);
    const place = (): number => Math.floor(bytes.length * random.uniform());
    const expectFound = (content: Uint8Array, what: string): void => {
      tally.tries++;
      if (!isRefused(content)) tally.faults.push(`${path}: ${what} was not found`);
    };
    for (let i = 0; i < (count ?? (isLarge ? 100_000 : 1000)); i++) {
      const at = place();
      const bit = Math.floor(8 * random.uniform());
      const copy = Uint8Array.from(bytes);
      copy[at] ^= 1 << bit;
      expectFound(copy, `bit ${bit} of byte ${at}`);
      const length = place();
      expectFound(bytes.subarray(0, length), `a cut to ${length} bytes`);
    }
    for (let length = 0; length < Math.min(4096, bytes.length); length++) {
      expectFound(bytes.subarray(0, length), `a cut to ${length} bytes`);
    }
  }
  return tally;
}

function isRefused(content: Uint8Array): boolean {
  try {
    openSealed(content, "file");
    return false;
  } catch (error) {
    if (error instanceof InputError) return true;
    throw error;
  }
}

/** A disk that fails at the n-th call, for every n until the run gets through. */
export async function torturedByDisk({ isLarge, root }: TortureOptions): Promise<Tally> {
  const tally = newTally("EIO, full or dead disk, short write at the n-th call", "calls");
  const sound = failingDisk("EIO", 0);
  const steps = isLarge ? 40 : STEPS;
  const trained = async (out: string): Promise<Buffer> =>
    await withDisk(sound, async () => await paperRun({ out, steps }));
  const unbroken = await trained(join(root, "sound"));
  for (const [kind, fault] of FAULTS.entries()) {
    for (let n = 1; ; n++) {
      const out = join(root, `fault_${kind}_${n}`);
      const told = (text: string): unknown => tally.faults.push(`${fault} at call ${n}: ${text}`);
      const disk = failingDisk(fault, n);
      await withDisk(disk, async () => {
        await paperRun({ out, steps }).catch((error: Error) => {
          if (!(error instanceof InputError)) told(error.message);
        });
      });
      if (disk.failures() === 0) break;
      tally.tries++;
      if (!(await trained(out)).equals(unbroken)) told("other bits than the unbroken run");
      for (const text of faultsOfRun(out, steps)) told(text);
    }
  }
  return tally;
}

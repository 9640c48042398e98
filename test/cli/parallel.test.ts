// `mpirun -n 2 ringdepth train` on this machine: the bits of each time, the numbers of a batch of two,
// and a process that dies.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { adapterOf, withRanks } from "../../src/cli/train/ranks.ts";
import type { RunSettings } from "../../src/cli/settings/run_settings.ts";
import { openSealed } from "../../src/formats/sealed_file.ts";
import { toFloat32 } from "../../src/formats/elements.ts";
import type { StepRecord } from "../../src/train/records.ts";
import { resolveConfig } from "../../src/train/config.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-mpi-"));
afterAll(() => rmSync(folder, { recursive: true }));

const hasMpi = spawnSync("mpirun", ["--version"]).status === 0;
if (!hasMpi) console.warn("no mpirun here: training in several processes is not tested");

const STEPS = 4;
const COMMON = `
student: nano
size: { height: 32, width: 64 }
head: { bins: 16 }
loss: { relation_grid: [2, 4] }
teacher: { kind: builtin }
rig: { train_moments: 4, held_out_moments: 1 }
steps: ${STEPS}
checkpoint_every: 1
`;
const env = {
  ...process.env,
  RINGDEPTH_CACHE: folder,
  // Open MPI refuses both unless told.
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
};

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ringdepth train`, in two processes unless alone; `onText` sees stdout so far. */
async function training(
  out: string,
  args: readonly string[],
  { ranks = 2, onText }: { ranks?: number; onText?: (text: string, pid: number) => void } = {},
): Promise<Ended> {
  const program = [process.execPath, "tools/ringdepth.js", "train", "--out", join(folder, out)];
  const [first, ...rest] = ranks === 1 ? program : ["mpirun", "-n", String(ranks), ...program];
  const child = spawn(first, [...rest, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (part: Buffer) => {
    text.stdout += part.toString();
    onText?.(text.stdout, child.pid!);
  });
  child.stderr.on("data", (part: Buffer) => (text.stderr += part.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...text };
}

function configured(name: string, more = ""): readonly string[] {
  const file = join(folder, name);
  writeFileSync(file, COMMON + more);
  return ["--config", file];
}

function records(out: string): StepRecord[] {
  const text = readFileSync(join(folder, out, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as StepRecord);
}

function studentFile(out: string): Buffer {
  return readFileSync(join(folder, out, "student.safetensors"));
}

/** All trained numbers of a run's student. */
function numbers(out: string): number[] {
  const { tensors } = openSealed(studentFile(out), out);
  return [...tensors.values()].flatMap(({ data }) => [...toFloat32(data)]);
}

/** The process of a rank below the launcher. */
function processOf(rank: number, parent: number): number | null {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8");
  for (const child of children.split(" ").filter(Boolean).map(Number)) {
    const own = readFileSync(`/proc/${child}/environ`, "utf8").split("\0");
    const names = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"];
    if (names.some((name) => own.includes(`${name}=${rank}`))) return child;
    const below = processOf(rank, child);
    if (below !== null) return below;
  }
  return null;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.runIf(hasMpi)("two ranks of one rig train as one rank with two", async () => {
  const together = await training("two", configured("two.yaml"));
  expect(together.stderr).not.toContain("ringdepth:");
  expect(together.code).toBe(0);
  // Rank 0 alone speaks.
  expect(together.stdout.match(/^teacher:/gm)).toHaveLength(1);
  expect(together.stdout).toContain("2 processes");
  const alone = await training("one", configured("one.yaml", "rigs_per_step: 2\n"), { ranks: 1 });
  expect(alone.code).toBe(0);
  const [found, wanted] = [records("two"), records("one")];
  expect(found).toHaveLength(STEPS);
  wanted.forEach((record, i) => {
    expect(found[i].valid_pixels).toBe(record.valid_pixels);
    expect(Math.abs(found[i].loss / record.loss - 1)).toBeLessThan(1e-4);
    expect(Math.abs(found[i].gradient_norm / record.gradient_norm - 1)).toBeLessThan(1e-3);
  });
  const [a, b] = [numbers("two"), numbers("one")];
  const length = (list: readonly number[]): number =>
    Math.sqrt(list.reduce((sum, value) => sum + value * value, 0));
  expect(length(a.map((value, i) => value - b[i])) / length(b)).toBeLessThan(1e-3);
});

test.runIf(hasMpi && process.platform === "linux")(
  "a rank that dies ends the job, and the resumed run has the bits of one that was not disturbed",
  async () => {
    let left: number | null = null;
    const broken = await training("again", configured("two.yaml"), {
      onText: (text, pid) => {
        if (left !== null || !/step +1\//.test(text)) return;
        left = processOf(0, pid);
        process.kill(processOf(1, pid)!, "SIGKILL");
      },
    });
    // The launcher ends the other process, but does not wait for its end.
    await vi.waitFor(() => expect(isAlive(left!)).toBe(false), 20_000);
    expect(broken.code).not.toBe(0);
    expect(`${broken.stdout}${broken.stderr}`).toMatch(/signal 9|SIGNAL: 9/);
    const resumed = await training("again", ["--resume"]);
    expect(resumed.stderr).not.toContain("ringdepth:");
    expect(resumed.code).toBe(0);
    expect(studentFile("again").equals(studentFile("two"))).toBe(true);
  },
);

test.runIf(hasMpi)("a fault that all ranks find is one line, and ends the job", async () => {
  const { code, stderr } = await training("none", ["--data", "folder:/no/such"]);
  expect(code).toBe(2);
  expect(stderr.match(/^ringdepth: .*$/gm)).toEqual(["ringdepth: folder:/no/such: no such folder"]);
});

test("a launcher without its library is one clear line", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["tools/ringdepth.js", "train", "--out", join(folder, "none")],
    {
      env: {
        ...env,
        OMPI_COMM_WORLD_SIZE: "2",
        OMPI_COMM_WORLD_RANK: "0",
        RINGDEPTH_MPI: "/no/such/libmpi.so",
      },
      encoding: "utf8",
    },
  );
  expect(status).toBe(2);
  expect(stderr).toMatch(/^ringdepth: started as rank 0 of 2 processes, but [^\n]+\n$/);
});

test("a run is resumed by as many processes as it began with", () => {
  const settings = (ranks: number | undefined, resume: boolean): RunSettings => ({
    config: resolveConfig(ranks === undefined ? {} : { ranks }, "test"),
    out: "runs/x",
    resume,
    tune: true,
  });
  expect(withRanks(settings(undefined, false), 2).config.ranks).toBe(2);
  expect(withRanks(settings(2, true), 2).config.ranks).toBe(2);
  expect(withRanks(settings(undefined, true), 1).config).not.toHaveProperty("ranks");
  expect(() => withRanks(settings(2, true), 3)).toThrow(
    "the run in runs/x has 2 processes, and 3 processes started; use: mpirun -n 2 ringdepth train --resume --out runs/x",
  );
  expect(() => withRanks(settings(undefined, true), 2)).toThrow("use: ringdepth train --resume");
  expect(() => withRanks(settings(2, false), 1)).toThrow("use: mpirun -n 2 ringdepth train");
});

test("the processes of a machine take its GPUs one after the other", () => {
  expect([0, 1, 2, 3].map((local) => adapterOf(["A", "B", "C"], local))).toEqual([
    "A",
    "B",
    "C",
    "A",
  ]);
  expect(adapterOf(["A"], 3)).toBeUndefined();
  expect(adapterOf([], 1)).toBeUndefined();
});

// Rank 0 and another process of a job, both in this process: a whole run, and what they must share.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { DataSource } from "../../../src/data/data_source.ts";
import { meanOf } from "../../../src/graph/exchange.ts";
import type { TrainConfig } from "../../../src/train/config.ts";
import { originOf } from "../../../src/train/student_origin.ts";
import { messageBytes, sharedFacts, type Command } from "../../../src/train/parallel/commands.ts";
import { follow, type FollowingRun } from "../../../src/train/parallel/follower.ts";
import type { Job } from "../../../src/train/parallel/job.ts";
import { leadTeam } from "../../../src/train/parallel/leader.ts";
import type { StepRecord } from "../../../src/train/records.ts";
import { train, type TrainedRun } from "../../../src/train/trainer.ts";
import { gpu } from "../../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "../tiny.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-team-"));
afterAll(() => rmSync(root, { recursive: true }));

const source = tinySource("train");
const quiet = { onSkip: (message: string) => expect.fail(message), onMessage: () => {} };

/** Two jobs that meet in memory. */
function twoJobs(): readonly [Job, Job] {
  const waiting: ((all: readonly unknown[]) => void)[] = [];
  let values: unknown[] = [];
  const meet = async <T>(rank: number, own: T): Promise<readonly T[]> =>
    await new Promise((resolve) => {
      values[rank] = own;
      waiting.push(resolve as (all: readonly unknown[]) => void);
      if (waiting.length < 2) return;
      const all = values;
      values = [];
      for (const go of waiting.splice(0)) go(all);
    });
  const job = (rank: number): Job => {
    let before: Promise<unknown> = Promise.resolve();
    // As in a job of MPI, the calls of a process follow one another.
    const inOrder = async <T>(own: T): Promise<readonly T[]> => {
      const done = before.then(async () => await meet(rank, own));
      before = done;
      return await done;
    };
    return {
      rank,
      ranks: 2,
      local_rank: rank,
      mean: async (own) => meanOf(await inOrder(own)),
      gather: inOrder,
      broadcast: async (bytes) => (await inOrder(bytes))[0]!,
      close: async () => {},
      abort: () => {},
    };
  };
  return [job(0), job(1)];
}

/** A run of two processes, to the end or to the first step with this number. */
async function together(
  out: string,
  config: TrainConfig,
  { resume = false, stopAt = Infinity } = {},
): Promise<TrainedRun> {
  const [first, second] = twoJobs();
  const controller = new AbortController();
  const onStep = ({ step }: StepRecord): void => {
    if (step >= stopAt) controller.abort();
  };
  const both = { gpu, config, source, teacher: tinyTeacher };
  const team = leadTeam(first);
  const leading = train({
    ...both,
    team,
    out: join(root, out),
    resume,
    signal: controller.signal,
    onStep,
  });
  const [trained] = await Promise.all([leading, follow({ ...both, ...quiet, job: second })]);
  await trained.close();
  return trained;
}

function numbers(out: string): readonly StepRecord[] {
  const lines = readFileSync(join(root, out, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as StepRecord);
}

test("two processes train as one with both rigs, also stopped and resumed", async () => {
  const loss = { relation_grid: [2, 4], balance: "gradient_norm", balance_step: 1 };
  const common = { steps: 4, checkpoint_every: 2, accumulate: 2, loss };
  const config = { ...tinyConfig(common), ranks: 2 };
  await together("two", config);
  const one = tinyConfig({ ...common, rigs_per_step: 2 });
  const whole = { gpu, config: one, source, teacher: tinyTeacher, resume: false };
  await (await train({ ...whole, out: join(root, "one") })).close();
  const [found, wanted] = [numbers("two"), numbers("one")];
  wanted.forEach((record, i) => {
    expect(found[i].valid_pixels).toBe(record.valid_pixels);
    expect(Math.abs(found[i].loss / record.loss - 1)).toBeLessThan(1e-4);
    expect(Math.abs(found[i].gradient_norm / record.gradient_norm - 1)).toBeLessThan(1e-3);
  });
  expect(found.filter(({ balance }) => balance !== undefined)).toHaveLength(1);
  // its first steps compute cheap feature maps again, which changes no bit
  const stopped = await together("again", { ...config, recompute: true }, { stopAt: 1 });
  expect(stopped.interrupted).toBe(true);
  await together("again", config, { resume: true });
  const student = (out: string): Buffer => readFileSync(join(root, out, "student.safetensors"));
  expect(student("again").equals(student("two"))).toBe(true);
});

test("a configuration of several processes is refused by one", async () => {
  const config = { ...tinyConfig(), ranks: 2 };
  const run = { gpu, config, source, teacher: tinyTeacher, resume: false, out: join(root, "lone") };
  await expect(train(run)).rejects.toThrow("ranks: 2 in the configuration, but 1 train");
});

/** A job in which rank 0 opens a session with these facts. */
async function openedBy(config: TrainConfig, data: DataSource): Promise<Job> {
  const { scale } = await originOf(data);
  const shared = sharedFacts(config, data, tinyTeacher, scale);
  const open: Command = {
    kind: "open",
    session: 0,
    network: "training",
    shared,
    step: 0,
    tuning: [],
  };
  const messages = [messageBytes(open), new Uint8Array(0)];
  return { ...twoJobs()[1], broadcast: async () => await Promise.resolve(messages.shift()!) };
}

test.each<[string, TrainConfig, DataSource, string]>([
  ["configuration", tinyConfig({ seed: 3 }), source, "the configuration differs"],
  ["number of moments", tinyConfig(), { ...source, count: 3 }, "has 4 moments, and rank 0 found 3"],
  ["rig", tinyConfig(), { ...source, cameras: source.cameras.slice(1) }, "its cameras are"],
])("another %s than that of rank 0 is refused", async (_, config, data, message) => {
  const job = await openedBy(config, data);
  const own = { gpu, config: tinyConfig(), source, teacher: tinyTeacher };
  const run: FollowingRun = { ...own, ...quiet, job };
  await expect(follow(run)).rejects.toThrow(message);
});

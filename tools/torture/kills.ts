// kill -9 and signals at random moments of a run in a separate process, after which the run is
// resumed.
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { randomStream } from "../../src/tensor/random.ts";
import {
  faultsOfEnded,
  finish,
  startChild,
  unbrokenChild,
  unreadable,
  type ChildRun,
  type Ending,
} from "./child_run.ts";
import { newTally, type Tally, type TortureOptions } from "./tally.ts";

const KILLS_PER_RUN = 10;
const STOP_WITHIN_MS = 5000;

/** 20 or 500 kills: nothing unreadable, and the same bits and records in the end. */
export async function torturedByKill({
  isLarge,
  count,
  seed,
  root,
}: TortureOptions): Promise<Tally> {
  const tally = newTally("kill -9 in training, then --resume", "kills");
  const { student, time_ms } = await unbrokenChild(root);
  const kills = count ?? (isLarge ? 500 : 20);
  const random = randomStream(seed, 1);
  for (let run = 0; tally.tries < kills; run++) {
    const out = join(root, `killed_${run}`);
    let faults: string[] | null = null;
    for (let i = 0; i < KILLS_PER_RUN && tally.tries < kills && faults === null; i++) {
      const ending = await killedAfter(await startChild(root, out), time_ms * random.uniform());
      if (ending.signal === "SIGKILL") {
        tally.tries++;
        tally.faults.push(...(await unreadable(out)).map((text) => `run ${run}: ${text}`));
      } else {
        faults = faultsOfEnded(out, ending, student);
      }
    }
    faults ??= await finish(root, out, student);
    tally.faults.push(...faults.map((text) => `run ${run}: ${text}`));
  }
  return tally;
}

/** Kills a process after a while, unless it has ended by itself. */
async function killedAfter(child: ChildRun, wait_ms: number): Promise<Ending> {
  const timer = setTimeout(() => child.process.kill("SIGKILL"), wait_ms);
  try {
    return await child.ended;
  } finally {
    clearTimeout(timer);
  }
}

/** Signals: the right exit code within 5 s, a checkpoint, and the same bits in the end. */
export async function torturedBySignal({
  isLarge,
  count,
  seed,
  root,
}: TortureOptions): Promise<Tally> {
  const tally = newTally("SIGINT, SIGTERM, SIGHUP", "signals");
  const { student, time_ms } = await unbrokenChild(root);
  const random = randomStream(seed, 2);
  let longest_ms = 0;
  for (let round = 0; round < (count ?? (isLarge ? 20 : 1)); round++) {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const out = join(root, `${name}_${round}`);
      const child = await startChild(root, out);
      await delay(time_ms * (0.2 + 0.7 * random.uniform()));
      const sent_ms = performance.now();
      if (child.process.exitCode !== null || !child.process.kill(name)) continue;
      const { code, signal, stderr } = await child.ended;
      tally.tries++;
      const took_ms = performance.now() - sent_ms;
      longest_ms = Math.max(longest_ms, took_ms);
      const told = (text: string): unknown => tally.faults.push(`${name} ${round}: ${text}`);
      // Before the program listens, the system ends it by the signal itself.
      const isRight = code === 128 + constants.signals[name] || signal === name;
      if (!isRight) told(`ended with ${code ?? signal}: ${stderr.trim()}`);
      if (took_ms > STOP_WITHIN_MS) told(`took ${Math.round(took_ms)} ms`);
      for (const text of await finish(root, out, student)) told(text);
    }
  }
  tally.note = `ended within ${(longest_ms / 1000).toFixed(1)} s`;
  return tally;
}

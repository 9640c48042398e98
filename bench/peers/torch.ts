// PyTorch on the CPU as a yardstick: a process of its own, after the interleaved rounds.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { InputError } from "../../src/tensor/error.ts";
import { ADAM, LAYERS, type PeerCase } from "./problems.ts";

const SCRIPT = fileURLToPath(new URL("torch_peer.py", import.meta.url));

/** Times of PyTorch. */
export interface TorchTimes {
  readonly version: string;
  readonly threads: number;
  /** Per case, its times in milliseconds. */
  readonly times_ms: readonly (readonly number[])[];
}

/** Times every case with the torch of `python`; throws InputError if there is none. */
export function timeTorch(python: string, cases: readonly PeerCase[], rounds: number): TorchTimes {
  const threads = availableParallelism();
  const problems = cases.map(({ problem }) =>
    problem.op === "step" ? { ...problem, layers: LAYERS, rate: ADAM.rate } : problem,
  );
  const { status, stdout, stderr, error } = spawnSync(python, [SCRIPT], {
    input: JSON.stringify({ threads, rounds, problems }),
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) {
    const reason = error?.message ?? stderr.trim().split("\n").at(-1);
    throw new InputError(`--torch ${python}: ${reason}; name a python that can import torch`);
  }
  const [first, ...rest] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  return {
    version: (first as { version: string }).version,
    threads,
    times_ms: rest.map((line) => (line as { times_ms: number[] }).times_ms),
  };
}

// Compares ringdepth with other WebGPU engines on one device, in one process: `ringdepth bench
// peers`. Results are compared first, then all engines are timed interleaved. Exit code 3 if a
// result of ours differs from that of every peer, 2 for wrong usage.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { writeFileAtomically } from "../../src/formats/atomic_file.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { timerQuantum_ns } from "../../src/gpu/timestamps.ts";
import { describeEnvironment } from "../../src/measure/environment.ts";
import { knownCeilings } from "../../src/measure/known_ceilings.ts";
import { InputError } from "../../src/tensor/error.ts";
import { difference, type Contender } from "./contender.ts";
import { installPeers, versionOf } from "./install.ts";
import { jax } from "./jax.ts";
import { onnx } from "./onnx.ts";
import { ours } from "./ours.ts";
import { allCases, type PeerCase } from "./problems.ts";
import { offerDevice } from "./shared_device.ts";
import { geometricMean, markdown, toRow, type Outcome, type Row } from "./table.ts";
import { tfjs } from "./tfjs.ts";
import { timeTorch, type TorchTimes } from "./torch.ts";

type Prepare = (peer: PeerCase) => Promise<Contender>;

const ENGINES: Readonly<Record<string, { package: string; load: (gpu: Gpu) => Promise<Prepare> }>> =
  {
    "tfjs-webgpu": { package: "@tensorflow/tfjs-backend-webgpu", load: tfjs },
    "jax-js": { package: "@jax-js/jax", load: jax },
    "onnxruntime-web": { package: "onnxruntime-web", load: onnx },
  };

interface Settings {
  readonly rounds: number;
  readonly cases: readonly PeerCase[];
  readonly torch: string | null;
  readonly json: boolean;
  readonly output: string | null;
}

const progress = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function readSettings(): Settings {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      output: { type: "string", short: "o" },
      rounds: { type: "string", default: "5" },
      torch: { type: "string" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new InputError(`--rounds ${values.rounds}: give a whole number from 1 on`);
  }
  const all = allCases();
  const cases =
    positionals.length === 0
      ? all
      : all.filter(({ name }) => positionals.some((part) => name.includes(part)));
  if (cases.length === 0) {
    throw new InputError(
      `no problem is called ${positionals.join(" or ")}; there are ${all.map(({ name }) => name).join("; ")}`,
    );
  }
  return {
    rounds,
    cases,
    torch: values.torch ?? null,
    json: values.json,
    output: values.output ?? null,
  };
}

async function main(): Promise<number> {
  const settings = readSettings();
  const { rounds, cases } = settings;
  installPeers();
  const gpu = await openGpu({ validation: false });
  const quantum_ns = await timerQuantum_ns(gpu);
  const say = { say: progress, warn: progress, progress };
  const ceilings = await knownCeilings({ gpu, output: say }, quantum_ns);
  const environment = await describeEnvironment(gpu, quantum_ns);
  const engines = await loadEngines(gpu);
  const torch = settings.torch === null ? null : timeTorch(settings.torch, cases, rounds);
  const rows: Row[] = [];
  for (const [i, peer] of cases.entries()) {
    progress(`${i + 1} of ${cases.length}: ${peer.name}`);
    const { times_ms, costs, outcomes } = await compare(gpu, peer, engines, rounds);
    const row = toRow(peer, { times_ms, costs }, outcomes, ceilings, torch?.times_ms[i] ?? null);
    rows.push(row);
    progress(summary(row));
    gpu.check();
  }
  await print(settings, { date: new Date().toISOString(), environment, rounds, rows }, torch);
  const wrong = rows.some(({ best, cells }) => best === null && cells.some(isWrong));
  return wrong ? 3 : 0;
}

/** A row in one line, as soon as it is there. */
function summary({ ours_ms, cells }: Row): string {
  const peers = cells.map(({ engine, time_ms, failure }) =>
    time_ms === null ? `${engine}: ${failure}` : `${engine} ${time_ms.toFixed(1)} ms`,
  );
  return `  ours ${ours_ms.toFixed(1)} ms, ${peers.join(", ")}`;
}

function isWrong({ failure }: Row["cells"][number]): boolean {
  return failure?.startsWith("WRONG") === true;
}

async function loadEngines(gpu: Gpu): Promise<Record<string, Prepare>> {
  offerDevice(gpu);
  const loaded: Record<string, Prepare> = {};
  for (const [name, engine] of Object.entries(ENGINES)) {
    try {
      loaded[name] = await engine.load(gpu);
    } catch (error) {
      const reason = firstLine(error);
      progress(`${name} does not load: ${reason}`);
      loaded[name] = async () => await Promise.reject(new Error(reason));
    }
  }
  return loaded;
}

interface Compared {
  readonly times_ms: number[];
  readonly costs: Awaited<ReturnType<typeof ours>>["costs"];
  readonly outcomes: Record<string, Outcome>;
}

/** Compares results, then times all engines interleaved; each begins in some rounds. */
async function compare(
  gpu: Gpu,
  peer: PeerCase,
  engines: Readonly<Record<string, Prepare>>,
  rounds: number,
): Promise<Compared> {
  const mine = await ours(gpu, peer);
  const expected = await mine.results();
  const times_ms: number[] = [];
  const outcomes: Record<string, Outcome> = {};
  const runs: { readonly run: Contender["run"]; readonly times_ms: number[]; name: string }[] = [
    { name: "ours", run: mine.run, times_ms },
  ];
  for (const [name, prepare] of Object.entries(engines)) {
    try {
      const contender = await prepare(peer);
      const timed = {
        times_ms: [] as number[],
        difference: difference(expected, await contender.results()),
      };
      outcomes[name] = { kind: "timed", ...timed };
      runs.push({ name, run: contender.run, times_ms: timed.times_ms });
    } catch (error) {
      outcomes[name] = { kind: "failed", reason: firstLine(error) };
    }
  }
  // one round more than is kept: the first compiles
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const one = runs[(turn + round) % runs.length];
      if (outcomes[one.name]?.kind === "failed") continue;
      const started = performance.now();
      try {
        await one.run();
      } catch (error) {
        if (one.name === "ours") throw error;
        outcomes[one.name] = { kind: "failed", reason: firstLine(error) };
        continue;
      }
      if (round > 0) one.times_ms.push(performance.now() - started);
    }
  }
  mine.destroy();
  return { times_ms, costs: mine.costs, outcomes };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}

async function print(
  { json, output }: Settings,
  result: {
    readonly date: string;
    readonly environment: object;
    rounds: number;
    rows: readonly Row[];
  },
  torch: TorchTimes | null,
): Promise<void> {
  const peers = Object.fromEntries(
    Object.entries(ENGINES).map(([name, engine]) => [name, versionOf(engine.package)]),
  );
  const mean = geometricMean(result.rows);
  const value = {
    ...result,
    peers,
    torch: torch === null ? null : { version: torch.version, threads: torch.threads },
    geometric_mean_ratio: mean,
  };
  const { adapter, driver } = result.environment as { adapter: string; driver: string };
  const lines = [
    `${adapter}, ${driver}; ${availableParallelism()} cores; GFLOP/s (time), medians of ${result.rounds} interleaved rounds; ` +
      Object.entries(peers)
        .map((one) => one.join(" "))
        .join(", ") +
      (torch === null
        ? ""
        : `; PyTorch ${torch.version}, ${torch.threads} threads, not interleaved, not compared`),
    "",
    ...markdown(result.rows),
    "",
    mean === null ? "No peer ran." : `Geometric mean of the ratios: ${mean.toFixed(2)}.`,
    ...failures(result.rows),
  ];
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (output !== null) {
    const page = output.replace(/\.json$/u, "");
    const encoder = new TextEncoder();
    await writeFileAtomically(`${page}.json`, encoder.encode(text));
    await writeFileAtomically(`${page}.md`, encoder.encode(`${lines.join("\n")}\n`));
  }
  process.stdout.write(json ? text : `${lines.join("\n")}\n`);
}

/** One line per engine that could not solve a problem. */
function failures(rows: readonly Row[]): string[] {
  return rows.flatMap(({ name, cells }) =>
    cells.flatMap(({ engine, failure }) =>
      failure === null || failure.startsWith("it has no") ? [] : [`${name}: ${engine}: ${failure}`],
    ),
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`ringdepth bench peers: ${error.message}\n`);
  process.exitCode = 2;
}
// engines keep timers and threads of their own
process.exit();

// `npm run torture`: tries many times everything that must not lose or corrupt a run. The small
// form is part of continuous integration.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { torturedByDamage, torturedByDisk } from "./damage.ts";
import { torturedByLoss } from "./device_loss.ts";
import { torturedByKill, torturedBySignal } from "./kills.ts";
import { torturedByMutations } from "./mutations.ts";
import type { Tally, TortureOptions } from "./tally.ts";

const KINDS: Readonly<Record<string, (options: TortureOptions) => Promise<Tally>>> = {
  damage: torturedByDamage,
  disk: torturedByDisk,
  loss: torturedByLoss,
  signal: torturedBySignal,
  kill: torturedByKill,
  mutations: torturedByMutations,
};

const HELP = `Usage: npm run torture -- [--small] [--only KIND[,KIND]] [--count N] [--seed N]

Tries to lose or bend a training run, and says what did not hold. Exit code 1 where anything did not.

  --small       the form for continuous integration: minutes, not an hour
  --only KINDS  ${Object.keys(KINDS).join(", ")}
  --count N     tries of each kind, instead of those of the form: kills, rounds of three signals,
                losses, flipped bits per file, damaged files per reader
  --seed N      of the random moments and places (default: 1)

Example: npm run torture -- --small --only kill,signal`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    small: { type: "boolean" },
    only: { type: "string" },
    count: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
if (values.help === true) console.log(HELP);
else process.exitCode = await torture(values.only);

async function torture(only?: string): Promise<number> {
  const isLarge = values.small !== true;
  const seed = Number(values.seed);
  const count = values.count === undefined ? undefined : Number(values.count);
  const kinds = only?.split(",") ?? Object.keys(KINDS);
  const unknown = kinds.find((kind) => !Object.hasOwn(KINDS, kind));
  if (unknown !== undefined) return misused(`--only: no ${unknown}`);
  if (!Number.isSafeInteger(seed)) return misused("--seed: expected a whole number");
  if (count !== undefined && !(Number.isSafeInteger(count) && count > 0)) {
    return misused("--count: expected a whole number above 0");
  }
  const tallies: Tally[] = [];
  for (const kind of kinds) {
    const root = mkdtempSync(join(tmpdir(), `ringdepth-torture-${kind}-`));
    try {
      const tally = await KINDS[kind]({ isLarge, count, seed, root });
      tallies.push(tally);
      console.log(sentence(tally));
      for (const fault of tally.faults) console.error(`  ${fault}`);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
  console.log(`\n| tried | how often | did not hold |\n| --- | ---: | ---: |`);
  for (const { kind, unit, tries, faults } of tallies) {
    console.log(`| ${kind} | ${tries.toLocaleString("en-US")} ${unit} | ${faults.length} |`);
  }
  return tallies.every(({ faults }) => faults.length === 0) ? 0 : 1;
}

function misused(what: string): number {
  console.error(what);
  return 2;
}

function sentence({ kind, unit, tries, faults, note }: Tally): string {
  const count = `${tries.toLocaleString("en-US")} ${unit}`;
  return `${kind}: ${count}, ${faults.length} did not hold${note === "" ? "" : `; ${note}`}`;
}

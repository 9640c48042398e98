// `npm run torture`: what must not lose or bend a run, tried many times. The small form is part of
// continuous integration.
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

const HELP = `Usage: npm run torture -- [--small] [--only KIND[,KIND]] [--seed N]

Tries to lose or bend a training run, and says what did not hold. Exit code 1 where anything did not.

  --small       the form for continuous integration: minutes, not an hour
  --only KINDS  ${Object.keys(KINDS).join(", ")}
  --seed N      of the random moments and places (default: 1)

Example: npm run torture -- --small --only kill,signal`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    small: { type: "boolean" },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
if (values.help === true) console.log(HELP);
else process.exitCode = await torture(values.small !== true, Number(values.seed), values.only);

async function torture(isLarge: boolean, seed: number, only?: string): Promise<number> {
  const kinds = only?.split(",") ?? Object.keys(KINDS);
  const unknown = kinds.find((kind) => !Object.hasOwn(KINDS, kind));
  if (unknown !== undefined || !Number.isSafeInteger(seed)) {
    console.error(
      unknown === undefined ? "--seed: expected a whole number" : `--only: no ${unknown}`,
    );
    return 2;
  }
  const tallies: Tally[] = [];
  for (const kind of kinds) {
    const root = mkdtempSync(join(tmpdir(), `ringdepth-torture-${kind}-`));
    try {
      const tally = await KINDS[kind]({ isLarge, seed, root });
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

function sentence({ kind, unit, tries, faults, note }: Tally): string {
  const count = `${tries.toLocaleString("en-US")} ${unit}`;
  return `${kind}: ${count}, ${faults.length} did not hold${note === "" ? "" : `; ${note}`}`;
}

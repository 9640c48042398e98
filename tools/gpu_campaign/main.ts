// The GPU campaign: every measurement that a machine with a GPU should give, within some minutes. Parts
// run one after the other, the most important first, each in a process of its own with its own budget.
// After each part the result files are written anew, so that a machine that goes away leaves what was
// measured by then.
import { parseArgs } from "node:util";
import { join } from "node:path";
import { writeFileAtomically } from "../../src/formats/atomic_file.ts";
import { makeFolder } from "../../src/formats/make_folder.ts";
import { InputError } from "../../src/tensor/error.ts";
import { campaignPage } from "./page.ts";
import { campaignParts, type Part } from "./parts.ts";
import { runParts, type Campaign } from "./run_parts.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    minutes: { type: "string", default: "8" },
    only: { type: "string" },
    torch: { type: "string" },
    out: { type: "string" },
  },
});

/** The parts that were asked for. Throws InputError for an unknown name. */
function chosenParts(): readonly Part[] {
  const parts = campaignParts({ quick: values.quick, python: values.torch ?? null });
  if (values.only === undefined) return parts;
  const names = values.only.split(",");
  const unknown = names.find((name) => parts.every((part) => part.name !== name));
  if (unknown !== undefined) {
    const known = parts.map(({ name }) => name).join(", ");
    throw new InputError(`--only ${unknown}: there are ${known}`);
  }
  return parts.filter(({ name }) => names.includes(name));
}

async function main(): Promise<void> {
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new InputError(`--minutes ${values.minutes}: give a number above 0`);
  const parts = chosenParts();
  const folder = values.out ?? process.env["OUT"] ?? "bench/results";
  await makeFolder(folder);
  const date = new Date().toISOString();
  const stem = join(folder, `${date.slice(0, 10)}-gpu-campaign${values.quick ? "-quick" : ""}`);
  const encoder = new TextEncoder();
  const keep = async (campaign: Campaign): Promise<void> => {
    const json = `${JSON.stringify(campaign, null, 1)}\n`;
    await writeFileAtomically(`${stem}.json`, encoder.encode(json));
    await writeFileAtomically(`${stem}.md`, encoder.encode(`${campaignPage(campaign)}\n`));
  };
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  await runParts(parts, { date, quick: values.quick, budget_s: 60 * minutes }, keep, say);
  say(`written to ${stem}.md and ${stem}.json`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`gpu_campaign: ${error.message}\n`);
  process.exitCode = 2;
}

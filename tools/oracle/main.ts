// `npm run oracle -- DIR`: runs every published case of the operators that the engine has, on the
// adapter and through the CPU references, at the case's own tolerance. Cases that are not run count
// as not offered, never as passed.
import { Command } from "commander";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { checkShaderTable } from "../../src/kernels/check/shader_table.ts";
import { InputError } from "../../src/tensor/error.ts";
import { predicateText, refusal } from "./offer.ts";
import { README, STATIC_PARTS, writeResults, writeStaticParts, type StaticPart } from "./readme.ts";
import { failureLines, grouped, summarize, table, type Judged } from "./report.ts";
import { keyOf } from "./results.ts";
import { runCase, type Failure } from "./run.ts";
import { OFFERS, plain } from "./sources/offers.ts";
import { readSource, UnknownValueError, vectorSources, type VectorCase } from "./vectors.ts";

interface Options {
  readonly json?: boolean;
  readonly predicates?: boolean;
  readonly own?: boolean;
  readonly refused?: boolean;
  readonly only?: string;
  readonly write?: boolean;
}

const program = new Command("oracle")
  .description("hold the engine against published test vectors")
  .argument("[folder]", "folder of <source>/<Operator>.json")
  .option("--json", "print counts as JSON and nothing else on stdout")
  .option("--predicates", "print what is offered, and run nothing")
  .option("--own", "print how to write cases of your own, and run nothing")
  .option("--refused", "name every case that is not offered, and why")
  .option("--only <pattern>", "run only cases whose source/operator/id matches this expression")
  .option("--write", `put what was run or printed into ${README}; the rest of it stays`)
  .addHelpText(
    "after",
    "\nExample:\n  npm run oracle -- ../shared/oracle --only 'onnx/Conv'\n  npm run oracle -- --own --write",
  )
  .parse();

async function judge(gpu: Gpu, given: VectorCase): Promise<Judged> {
  const offers = OFFERS[given.source];
  const reason = refusal(offers, given);
  if (reason !== null) return { given, outcome: { kind: "not_offered", reason } };
  let failures: readonly Failure[];
  try {
    failures = await runCase(gpu, offers[given.operator], given);
  } catch (error) {
    if (!(error instanceof UnknownValueError)) throw error;
    return { given, outcome: { kind: "not_offered", reason: error.message } };
  }
  if (failures.length === 0) return { given, outcome: { kind: "passed" } };
  return { given, outcome: { kind: "failed", failures } };
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new InputError(`oracle: --only: ${(error as Error).message}`);
  }
}

async function run(folder: string, options: Options): Promise<boolean> {
  const say = (text: string): void =>
    void (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  const pattern = expression(options.only ?? "");
  const all = vectorSources(folder)
    .flatMap((source) => readSource(folder, source))
    .map(plain);
  const cases = all.filter(({ source, operator, id }) =>
    pattern.test(`${source}/${operator}/${id}`),
  );
  const gpu = await openGpu({ validation: true });
  const kind = gpu.facts.software ? " (a software adapter)" : "";
  say(`${cases.length} cases on ${gpu.facts.name}${kind}`);
  const judged: Judged[] = [];
  for (const given of cases) {
    const one = await judge(gpu, given);
    judged.push(one);
    failureLines(one).forEach(say);
    if ((options.refused || given.source === "own") && one.outcome.kind === "not_offered") {
      say(`not offered ${given.source}/${given.operator} "${given.id}": ${one.outcome.reason}`);
    }
  }
  gpu.close();
  const summary = summarize(judged);
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else say(`\n${table(judged)}`);
  if (options.write) {
    const whole = grouped(
      all.map((given) => ({ given })),
      keyOf,
    );
    const ran = grouped(judged, keyOf);
    const complete = [...ran].filter(([key, group]) => group.length === whole.get(key)?.length);
    for (const key of ran.keys()) {
      if (complete.every(([one]) => one !== key)) say(`not written: ${key}, only a part of it ran`);
    }
    writeResults(complete.flatMap(([, group]) => group));
  }
  return summary.failed === 0;
}

function printPredicates(): void {
  for (const [source, offers] of Object.entries(OFFERS)) {
    for (const [operator, offered] of Object.entries(offers)) {
      process.stdout.write(`${source} ${operator}: ${predicateText(offered)}\n`);
    }
  }
}

const options = program.opts<Options>();
const [folder] = program.args;
try {
  const parts: StaticPart[] = [];
  if (options.predicates) parts.push("predicates");
  if (options.own) parts.push("own");
  if (parts.length > 0) {
    if (options.write) writeStaticParts(parts);
    else if (options.own) process.stdout.write(`${STATIC_PARTS.own()}\n`);
    if (options.predicates && !options.write) printPredicates();
  } else if (folder === undefined)
    throw new InputError("oracle: name a folder of vectors, or --help");
  else {
    checkShaderTable();
    if (!(await run(folder, options))) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

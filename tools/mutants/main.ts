// `npm run mutants`: changes shaders as a slip would and lists the changes that no case finds.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { shaderText } from "../../src/engine/shader_text.ts";
import { matchingKernels } from "../../src/profile/kernel/matching.ts";
import { InputError } from "../../src/tensor/error.ts";
import { hashText, permutation } from "../../src/tensor/random.ts";
import type { ChildMessage, Outcome } from "./child.ts";
import { mutationsOf } from "./mutations.ts";

const HELP = `Usage: npm run mutants -- [--count N] [--seed N] [glob...]

Changes each shader in one place at a time (an operator, a number, a statement), runs the cases of its
kernel as \`ringdepth check\` does, and lists the changes that no case finds. Such a change is either
no fault, because the numbers stay the same, or a fault that needs a case of its own.

  glob       kernels to change, such as 'gemm*' (default: all)
  --count N  changes per kernel, drawn at random (default: 12); 0 for all
  --seed N   of the draw (default: 1)

Example: npm run mutants -- --count 0 argmax`;

/** Longer than any kernel takes for its cases: the mutant does not end. */
const ENDLESS_MS = 20_000;
const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

const { values, positionals } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    count: { type: "string", default: "12" },
    seed: { type: "string", default: "1" },
  },
  allowPositionals: true,
});
if (values.help === true) console.log(HELP);
else {
  try {
    process.exitCode = await tryMutants(Number(values.count), Number(values.seed), positionals);
  } catch (error) {
    if (error instanceof InputError) process.exitCode = misused(error.message);
    else {
      console.error((error as Error).message);
      process.exitCode = 1;
    }
  }
}

async function tryMutants(count: number, seed: number, globs: readonly string[]): Promise<number> {
  if (!Number.isSafeInteger(count) || count < 0) return misused("--count: expected a whole number");
  if (!Number.isSafeInteger(seed)) return misused("--seed: expected a whole number");
  const waiting = [...new Set((globs.length === 0 ? [undefined] : globs).flatMap(matchingKernels))];
  const all: Tally[] = [];
  const work = async (): Promise<void> => {
    for (let kernel = waiting.shift(); kernel !== undefined; kernel = waiting.shift()) {
      const { shader } = kernel;
      const mutations = mutationsOf(shaderText(shader));
      const order = permutation(mutations.length, seed, hashText(shader.name));
      const places = order.slice(0, count === 0 ? undefined : count);
      const tally = await tallyOf(shader.name, places);
      all.push(tally);
      console.log(sentence(tally));
      for (const at of tally.survived) {
        console.log(`  shaders/${shader.name}.wgsl:${mutations[at].line}: ${mutations[at].change}`);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const total = (kind: keyof Omit<Tally, "name" | "isRun">): number =>
    all.reduce((sum, tally) => sum + tally[kind].length, 0);
  console.log(
    `${total("caught")} caught, ${total("survived")} not, ${total("invalid")} that do not compile`,
  );
  return 0;
}

/** The places of a kernel's mutants by their outcome. */
type Tally = Record<Outcome, number[]> & { readonly name: string; isRun: boolean };

/** Tries the mutants at these places; a process that does not go on is replaced. */
async function tallyOf(name: string, places: readonly number[]): Promise<Tally> {
  const tally: Tally = { name, isRun: true, caught: [], survived: [], invalid: [] };
  let left = [...places];
  while (left.length > 0 && tally.isRun) {
    const stuck = await runChild(name, left, tally);
    if (stuck === null) break;
    tally.caught.push(stuck);
    left = left.slice(left.indexOf(stuck) + 1);
  }
  return tally;
}

/**
 * Runs a process on these places; returns the one at which it had to be ended or ended itself, or
 * null. Throws Error if it could not begin.
 */
async function runChild(
  name: string,
  places: readonly number[],
  tally: Tally,
): Promise<number | null> {
  const child = fork(CHILD, [name, places.join(",")], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr?.on("data", (text: Buffer) => (said = `${said}${text.toString()}`.slice(-1000)));
  let current: number | null = null;
  let timer = setTimeout(() => {}, 0);
  child.on("message", (message: ChildMessage) => {
    clearTimeout(timer);
    if (message.kind === "ready") tally.isRun = message.cases > 0;
    else if (message.kind === "ends") {
      tally[message.outcome].push(message.at);
      current = null;
    } else {
      current = message.at;
      timer = setTimeout(() => child.kill("SIGKILL"), ENDLESS_MS);
    }
  });
  const code = await new Promise((resolve) => void child.on("close", resolve));
  clearTimeout(timer);
  if (code !== 0 && current === null) throw new Error(`${name}: the process ended: ${said}`);
  return current;
}

function sentence({ name, isRun, caught, survived, invalid }: Tally): string {
  if (!isRun) return `${name}: no case runs on this adapter`;
  const rest = invalid.length === 0 ? "" : `, ${invalid.length} do not compile`;
  return `${name}: ${caught.length} of ${caught.length + survived.length} caught${rest}`;
}

function misused(what: string): number {
  console.error(what);
  return 2;
}

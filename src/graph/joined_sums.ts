// Joins the last sums of gradients, four to a dispatch: sums of slices are short, and almost every
// weight and bias of a network has one.
import type { AdapterFacts } from "../gpu/device.ts";
import { columnSum, columnSumFour } from "../kernels/column_sum.ts";
import type { Fusion } from "./fuse/work.ts";
import { kernelCall, lastUses, type Program } from "./lower.ts";
import type { Call, Tensor } from "./value.ts";

const JOINED = 4;
/** The rule as `ringdepth graph` names it. */
const RULE = "last sums of four gradients";

/**
 * The program with the last sums of `gradients` (root tensors) four to a call, each four at the
 * place of its last sum, with the same bits. A sum whose result a later call reads, or whose columns
 * are not a multiple of four, stays as it is, and so do up to three that are left over.
 */
export function withJoinedSums(
  program: Program,
  gradients: ReadonlySet<Tensor>,
  facts: AdapterFacts,
): Program {
  const { calls, rootOf } = program;
  const last = lastUses(calls, rootOf);
  const sums: number[] = [];
  calls.forEach(({ base, bindings: { x, y }, merge }, step) => {
    if (base !== columnSum || !gradients.has(rootOf(y)) || last.get(rootOf(y)) !== step) return;
    if (merge !== undefined) return; // other processes join in after that very call
    const [batches, slabs, cols] = y.shape;
    if (batches === 1 && slabs === 1 && cols % 4 === 0 && x.shape[1] > 0) sums.push(step);
  });
  const joined = new Map<number, Call | null>();
  const fusions: Fusion[] = [];
  for (let at = 0; at + JOINED <= sums.length; at += JOINED) {
    const steps = sums.slice(at, at + JOINED);
    const four = steps.map((step) => calls[step]);
    for (const step of steps) joined.set(step, null);
    joined.set(steps[JOINED - 1], joinedCall(four, facts));
    fusions.push({ rule: RULE, at: four[0].bindings["y"].name, reason: null, saved_bytes: 0 });
  }
  const left = calls.map((call, step) => (joined.has(step) ? joined.get(step)! : call));
  return {
    ...program,
    calls: left.filter((call) => call !== null),
    fusions: [...program.fusions, ...fusions],
  };
}

function joinedCall(four: readonly Call[], facts: AdapterFacts): Call {
  const [a, b, c, d] = four.map(({ bindings }) => bindings);
  const sums = { sum_a: a["y"], sum_b: b["y"], sum_c: c["y"], sum_d: d["y"] };
  const inputs = { a: a["x"], b: b["x"], c: c["x"], d: d["x"] };
  return kernelCall("column_sum", columnSumFour, { ...inputs, ...sums }, undefined, facts);
}

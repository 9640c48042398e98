// Places the gradients of parameters in the gradient arena, which clipping and the optimiser read:
// the call that makes a gradient writes it there if possible, otherwise it is copied.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Tuning } from "../engine/tuning.ts";
import { unary, type UnaryAttributes } from "../kernels/unary.ts";
import { size } from "../tensor/shape.ts";
import { kernelCall, type Program } from "./lower.ts";
import { isGradientArena } from "./request.ts";
import type { Call, Tensor, Value } from "./value.ts";

/**
 * A program whose calls write the gradients into the gradient arena, and the owner of each tensor
 * there.
 */
export interface PlacedGradients {
  readonly program: Program;
  readonly homes: ReadonlyMap<Tensor, Value>;
}

/**
 * Gives each gradient its place in the gradient arena. A gradient that a call reads, that is also
 * an output or that serves two parameters is copied there before the first call that reads the
 * arena, because no dispatch may both read and write it.
 */
export function placeGradients(
  program: Program,
  gradients: readonly (readonly [parameter: Value, gradient: Value])[],
  outputs: readonly Value[],
  facts: AdapterFacts,
  tuning?: Tuning,
): PlacedGradients {
  const { calls, rootOf, tensorOf } = program;
  const taken = new Set<Tensor>(outputs.map((value) => rootOf(tensorOf(value))));
  for (const { kernel, bindings } of calls) {
    for (const { name, access } of kernel.shader.bindings) {
      if (access !== "write") taken.add(rootOf(bindings[name]));
    }
  }
  const roots = gradients.map(([, gradient]) => rootOf(tensorOf(gradient)));
  roots.forEach((root, i) => {
    if (roots.indexOf(root) < i) taken.add(root);
  });
  const homes = new Map<Tensor, Value>();
  const copies: Call[] = [];
  for (const [parameter, gradient] of gradients) {
    const x = tensorOf(gradient);
    const root = rootOf(x);
    if (size(x.shape) === 0) continue;
    if (root.value?.source.kind === "result" && !taken.has(root)) {
      homes.set(root, parameter);
      continue;
    }
    const y: Tensor = { name: `d_${parameter.name}`, shape: x.shape, value: null };
    copies.push(kernelCall("copy", unary, { x, y }, IDENTITY, facts, tuning));
    homes.set(y, parameter);
  }
  const first = calls.findIndex(({ bindings }) =>
    Object.values(bindings).some(({ value }) => isGradientArena(value)),
  );
  const start = first < 0 ? calls.length : first;
  for (const { op, bindings } of calls.slice(start)) {
    for (const tensor of Object.values(bindings)) {
      const parameter = homes.get(rootOf(tensor));
      if (parameter === undefined) continue;
      throw new Error(
        `${op}: the gradient of ${parameter.name} is computed after an op that reads all gradients`,
      );
    }
  }
  const ordered = [...calls.slice(0, start), ...copies, ...calls.slice(start)];
  return { program: { ...program, calls: ordered }, homes };
}

const IDENTITY: UnaryAttributes = { kind: "identity", alpha: 0, beta: 0 };

// The plan of a graph without a device: its calls, what was fused, and the memory between the calls.
import type { AdapterFacts } from "../gpu/device.ts";
import { size } from "../tensor/shape.ts";
import { lower, type LoweringOptions, type Program } from "./lower.ts";
import { planMemory } from "./memory.ts";
import { placeGradients, type PlacedGradients } from "./place_gradients.ts";
import type { Request } from "./request.ts";
import type { GraphCore, Tensor, Value } from "./value.ts";

/** The calls of a plan and the bytes of its arenas of intermediates. */
export interface PlanOutline {
  readonly program: Program;
  readonly arena_bytes: readonly number[];
  /** The most bytes of intermediates that are live during one call. */
  readonly live_bytes: number;
}

/**
 * Lowers a request, with its gradients in the gradient arena. Throws as `lower` does.
 */
export function plannedCalls(
  graph: GraphCore,
  request: Request,
  facts: AdapterFacts,
  options: LoweringOptions,
): PlacedGradients {
  const outputs = Object.values(request.outputs);
  const gradients = [...(request.gradients ?? new Map<Value, Value>())];
  const targets = [...outputs, ...gradients.map(([, gradient]) => gradient)];
  const lowered = lower(graph, targets, facts, options);
  return placeGradients(lowered, gradients, outputs, facts, options.tuning);
}

/** The outline of the plan that an adapter with these facts would get. Throws as `lower` does. */
export function planOutline(
  graph: GraphCore,
  request: Request,
  facts: AdapterFacts,
  options: LoweringOptions,
): PlanOutline {
  const { program, homes } = plannedCalls(graph, request, facts, options);
  const { calls, rootOf, tensorOf } = program;
  const isPlanned = (root: Tensor): boolean =>
    size(root.shape) > 0 &&
    !homes.has(root) &&
    (root.value === null || root.value.source.kind === "result");
  const kept = new Set(Object.values(request.outputs).map((value) => rootOf(tensorOf(value))));
  const { arenas, live } = planMemory(calls, rootOf, isPlanned, kept);
  return {
    program,
    arena_bytes: arenas.map((floats) => 4 * floats),
    live_bytes: 4 * Math.max(0, ...live),
  };
}

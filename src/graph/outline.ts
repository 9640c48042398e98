// The plan of a graph without a device: its calls, what was fused, and the memory between the calls.
import type { AdapterFacts } from "../gpu/device.ts";
import { withJoinedSums } from "./joined_sums.ts";
import { lower, type LoweringOptions, type Program } from "./lower.ts";
import { planMemory } from "./memory.ts";
import { placeGradients, type PlacedGradients } from "./place_gradients.ts";
import { withRepeats } from "./recompute.ts";
import type { Request } from "./request.ts";
import { storageOf, type Storage } from "./storage.ts";
import type { GraphCore, Value } from "./value.ts";

/** The calls of a plan and the bytes of its arenas of intermediates. */
export interface PlanOutline {
  readonly program: Program;
  readonly arena_bytes: readonly number[];
  /** The most bytes of intermediates that are live during one call. */
  readonly live_bytes: number;
}

/**
 * Lowers a request, with its gradients in the gradient arena and, if that is asked for, with cheap
 * results computed again for them. Throws as `lower` does.
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
  const roots = new Set(gradients.map(([, value]) => lowered.rootOf(lowered.tensorOf(value))));
  const joined = options.fused === true ? withJoinedSums(lowered, roots, facts) : lowered;
  const placed = placeGradients(joined, gradients, outputs, facts, options.tuning);
  if (options.recompute !== true || gradients.length === 0) return placed;
  const storage = (program: Program): Storage =>
    storageOf({ ...placed, program }, outputs, options.precision ?? "f32");
  return { ...placed, program: withRepeats(placed.program, storage) };
}

/** The outline of the plan that an adapter with these facts would get. Throws as `lower` does. */
export function planOutline(
  graph: GraphCore,
  request: Request,
  facts: AdapterFacts,
  options: LoweringOptions,
): PlanOutline {
  const placed = plannedCalls(graph, request, facts, options);
  const { program } = placed;
  const outputs = Object.values(request.outputs);
  const { isPlanned, kept, half } = storageOf(placed, outputs, options.precision ?? "f32");
  const { arenas, live } = planMemory(program.calls, program.rootOf, isPlanned, kept, half);
  return {
    program,
    arena_bytes: arenas.map((floats) => 4 * floats),
    live_bytes: 4 * Math.max(0, ...live),
  };
}

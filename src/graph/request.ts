// A program's request to a graph, and whether the graph can answer it.
import { InputError } from "../tensor/error.ts";
import { checkNames } from "../tensor/options.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { isFrozen, type Graph, type Value } from "./value.ts";

/** The request: named outputs, and gradients to be put in the gradient arena. */
export interface Request {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly gradients?: ReadonlyMap<Value, Value>;
}

/** Whether a value is the arena of gradients, which must be filled before it is read. */
export function isGradientArena(value: Value | null): boolean {
  return value?.source.kind === "arena" && value.source.arena === "gradients";
}

/**
 * Throws InputError if a request belongs to another graph, if its gradients do not fit the
 * parameters, or if the graph updates parameters that have no gradient in the request: stale
 * content of the arena would move them. A frozen parameter has none: nothing writes to its part of
 * the arena.
 */
export function checkRequest(graph: Graph, request: Request): void {
  checkNames("request", request, ["outputs", "gradients"]);
  for (const [name, value] of Object.entries(request.outputs)) {
    if (value?.graph !== graph) {
      throw new InputError(`output ${name}: expected a value of this graph`);
    }
  }
  const gradients = request.gradients ?? new Map<Value, Value>();
  for (const [parameter, gradient] of gradients) {
    const { name, shape, source } = parameter;
    if (parameter.graph !== graph || source.kind !== "parameter" || gradient.graph !== graph) {
      throw new InputError(
        `gradient of ${name}: expected a parameter of this graph and its gradient`,
      );
    }
    if (sameShape(shape, gradient.shape)) continue;
    throw new InputError(
      `gradient of ${name}${formatShape(shape)} has shape ${formatShape(gradient.shape)}`,
    );
  }
  const update = graph.nodes.find(
    ({ inputs, outputs }) => outputs.length === 0 && inputs.some(isGradientArena),
  );
  const missing = graph.parameters.filter(
    (parameter) => !gradients.has(parameter) && !isFrozen(parameter),
  );
  if (update === undefined || missing.length === 0) return;
  const names = missing.slice(0, 3).map(({ name }) => name);
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : "";
  throw new InputError(
    `${update.op.name} updates every parameter, but the request has no gradient of ${names.join(", ")}${more}; ` +
      "add gradients: g.gradients(loss), or ask a graph without the update",
  );
}

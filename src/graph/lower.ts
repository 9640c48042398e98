// From a graph to a list of kernel calls: the calls that the targets need, in recorded order, with
// temporaries. The plan replays the list on the GPU; the interpreter runs the references of the
// same list.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { chooseVariant, type Precision, type Tuning } from "../engine/tuning.ts";
import { winogradOutput } from "../kernels/convolution/winograd.ts";
import { winogradGradWeight } from "../kernels/convolution/winograd_grad_weight.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, size, type Shape } from "../tensor/shape.ts";
import { fuseNodes } from "./fuse/fuse.ts";
import { rootValue, type Fusion } from "./fuse/work.ts";
import { byInput } from "./named_inputs.ts";
import type { Call, GraphCore, Lowering, Node, Recomputation, Tensor, Value } from "./value.ts";

/** The calls of a graph and the tensors they work on. */
export interface Program {
  readonly calls: readonly Call[];
  /**
   * The tensor of each value that a call binds (views share the tensor of the value that they
   * view).
   */
  readonly tensorOf: (value: Value) => Tensor;
  /** The tensor whose storage a tensor uses: itself, or the one that it is a view of. */
  readonly rootOf: (tensor: Tensor) => Tensor;
  /** The patterns that were fused, and those that could not be. */
  readonly fusions: readonly Fusion[];
  /** Tensors that hold a result computed again, each with the tensor of the first time. */
  readonly copies: ReadonlyMap<Tensor, Tensor>;
  /** The results computed again for the backward pass; null if that was not asked for. */
  readonly recomputation: Recomputation | null;
}

/** How a graph is lowered. */
export interface LoweringOptions {
  /** Measured choices of mappings; without them, the rules of the twins decide. */
  readonly tuning?: Tuning | undefined;
  /** Whether nodes that a fused kernel computes together become one; false when left out. */
  readonly fused?: boolean;
  /** f16: mappings that round their operands come first. */
  readonly precision?: Precision;
  /** Processes that train together and merge the statistics of a batch; 1 when left out. */
  readonly ranks?: number;
  /** Whether convolutions may run as Winograd's; true when left out, never under f16. */
  readonly winograd?: boolean;
  /** Whether cheap results are computed again for the backward pass; false when left out. */
  readonly recompute?: boolean;
}

/**
 * Lowers everything that `targets` depend on, and every node without outputs (updates of
 * parameters), in recorded order. Throws with op and kernel if the tensors of a call do not have the
 * shapes that its kernel states.
 */
export function lower(
  graph: GraphCore,
  targets: readonly Value[],
  facts: AdapterFacts,
  { tuning, fused = false, precision, winograd = true, ranks = 1 }: LoweringOptions = {},
): Program {
  const kept = reachable(graph, targets);
  const needed = graph.nodes.filter((node) => kept.has(node));
  const fusion = fused ? fuseNodes(needed, targets) : { nodes: needed, fusions: [] };
  const { nodes } = fusion;
  const fusions: Fusion[] = [...fusion.fusions];
  const tensors = new Map<Value, Tensor>();
  const roots = new Map<Tensor, Tensor>();
  const calls: Call[] = [];
  const rootOf = (tensor: Tensor): Tensor => roots.get(tensor) ?? tensor;
  const view = (tensor: Tensor, shape: Shape): Tensor => {
    if (size(shape) !== size(tensor.shape)) {
      throw new Error(`${tensor.name}${formatShape(tensor.shape)} viewed as ${formatShape(shape)}`);
    }
    const made: Tensor = { name: tensor.name, shape, value: tensor.value };
    roots.set(made, rootOf(tensor));
    return made;
  };
  const tensorOf = (value: Value): Tensor => {
    let tensor = tensors.get(value);
    if (tensor === undefined) {
      tensor =
        value.source.kind === "view"
          ? view(tensorOf(value.source.of), value.shape)
          : { name: value.name, shape: value.shape, value };
      tensors.set(value, tensor);
    }
    return tensor;
  };
  for (const node of nodes) {
    const lowering: Lowering<unknown> = {
      inputs: byInput(
        node.op,
        node.inputs.map((input) => (input === null ? ABSENT : tensorOf(input))),
      ),
      outputs: node.outputs.map(tensorOf),
      attributes: node.attributes,
      facts,
      winograd: winograd && precision !== "f16",
      temporary: (name, shape) => ({ name: `${node.op.name}.${name}`, shape, value: null }),
      view,
      ranks,
      merge: (kind, merged) => {
        const last = calls.pop()!;
        calls.push(ranks === 1 ? last : { ...last, merge: { kind, tensors: merged } });
      },
      call: (kernel, bindings, attributes) => {
        calls.push(
          kernelCall(node.op.name, kernel, bindings, attributes, facts, tuning, precision),
        );
      },
    };
    const before = calls.length;
    node.op.lower(lowering);
    if (fused && calls.slice(before).some(({ base }) => LAST_OF_WINOGRAD.has(base))) {
      fusions.push({ rule: WINOGRAD, at: node.outputs[0].name, reason: null, saved_bytes: 0 });
    }
  }
  return { calls, tensorOf, rootOf, fusions, copies: new Map(), recomputation: null };
}

const LAST_OF_WINOGRAD = new Set<AnyKernel>([winogradOutput, winogradGradWeight]);
/** The rule as `ringdepth graph` names it, among the patterns that were fused. */
const WINOGRAD = "3x3 convolution at Winograd's points";

/** Placeholder for an input that was left out. */
const ABSENT: Tensor = { name: "absent", shape: [0], value: null };

/** The shape of each binding of a call. */
export function bindingShapes<N extends string>(
  bindings: Readonly<Record<N, Tensor>>,
): Record<N, Shape> {
  const shapes = Object.entries<Tensor>(bindings).map(([name, { shape }]) => [name, shape]);
  return Object.fromEntries(shapes) as Record<N, Shape>;
}

/**
 * A dispatch of `kernel`, or of its mapping for this adapter; throws if the tensors do not fit the
 * kernel.
 */
export function kernelCall(
  op: string,
  kernel: AnyKernel,
  bindings: Call["bindings"],
  attributes: unknown,
  facts: AdapterFacts,
  tuning?: Tuning,
  precision?: Precision,
): Call {
  for (const { name } of kernel.shader.bindings) {
    if (bindings[name] === undefined) {
      throw new Error(`${op}: the call of ${kernel.shader.name} lacks ${name}`);
    }
  }
  const shapes = bindingShapes(bindings);
  let made: Record<string, Shape>;
  try {
    made = kernel.shapes(shapes, attributes);
  } catch (error) {
    throw new InputError(`${op}: ${kernel.shader.name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  for (const [name, shape] of Object.entries(made)) {
    if (!sameShape(shape, bindings[name].shape)) {
      throw new Error(
        `${op}: ${kernel.shader.name} makes ${name}${formatShape(shape)}, but ${bindings[name].name} is ${formatShape(bindings[name].shape)}`,
      );
    }
  }
  checkParams(op, kernel, kernel.params({ ...shapes, ...made }, attributes));
  const mapping = chooseVariant(kernel, facts, shapes, attributes, tuning, precision);
  return { kernel: mapping, base: kernel, bindings, attributes, op };
}

/** Throws InputError if an option that a kernel takes as a number is none, such as the text "2". */
function checkParams(
  op: string,
  { shader }: AnyKernel,
  params: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === "number") continue;
    const shown = value === null || value === undefined ? String(value) : `a ${typeof value}`;
    throw new InputError(`${op}: ${name} of ${shader.name} is ${shown}; expected a number`);
  }
}

/** The index of the last call that touches each root tensor. */
export function lastUses(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
): Map<Tensor, number> {
  const last = new Map<Tensor, number>();
  calls.forEach(({ bindings }, step) => {
    for (const tensor of Object.values(bindings)) last.set(rootOf(tensor), step);
  });
  return last;
}

/**
 * The nodes that any of `targets` depends on, and those without outputs with their dependencies.
 */
function reachable(graph: GraphCore, targets: readonly Value[]): Set<Node> {
  const kept = new Set<Node>();
  const visit: Value[] = targets.map(rootValue);
  const keep = (node: Node): void => {
    if (kept.has(node)) return;
    kept.add(node);
    for (const input of node.inputs) if (input !== null) visit.push(rootValue(input));
  };
  for (const node of graph.nodes) if (node.outputs.length === 0) keep(node);
  for (let value = visit.pop(); value !== undefined; value = visit.pop()) {
    if (value.source.kind === "result") keep(value.source.node);
  }
  return kept;
}

// The nodes of a request while they are being fused: who reads what, in which order, and what must
// stay because the program asks for it.
import { size } from "../../tensor/shape.ts";
import type { Node, Value } from "../value.ts";

/** The application of a rule at one place, or the reason why there is none. */
export interface Fusion {
  /** The rule, such as "norm + relu". */
  readonly rule: string;
  /** The tensor at which it applies. */
  readonly at: string;
  /** Why it was not fused; null if it was. */
  readonly reason: string | null;
  /** Bytes of tensors that are no longer stored. */
  readonly saved_bytes: number;
}

/** The value that holds the numbers of a view. */
export function rootValue(value: Value): Value {
  return value.source.kind === "view" ? rootValue(value.source.of) : value;
}

/** The input of a node by the op's name for it; null if it was left out. */
export function inputOf(node: Node, name: string): Value | null {
  return node.inputs[node.op.inputs.findIndex((own) => own === name || own === `${name}?`)] ?? null;
}

/** Nodes in order, with their readers; rules replace some of them by one. */
export class FusionWork {
  readonly fusions: Fusion[] = [];
  #nodes: Node[];
  readonly #kept: ReadonlySet<Value>;
  #readers = new Map<Value, Node[]>();
  #makers = new Map<Value, Node>();

  constructor(nodes: readonly Node[], targets: readonly Value[]) {
    this.#nodes = nodes.slice();
    this.#kept = new Set(targets.map(rootValue));
    this.#index();
  }

  /** The nodes as they are now, in the order in which they run. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Nodes that read a value or a view of it; a node that reads it twice comes twice. */
  readers(value: Value): readonly Node[] {
    return this.#readers.get(rootValue(value)) ?? [];
  }

  /** The node that makes a value; null for leaves and for views, whose shape is another. */
  maker(value: Value): Node | null {
    return value.source.kind === "view" ? null : (this.#makers.get(value) ?? null);
  }

  /** Whether the program asks for a value itself. */
  isKept(value: Value): boolean {
    return this.#kept.has(rootValue(value));
  }

  /** Whether one node alone reads a value, once, and the program does not ask for it. */
  isOnlyFor(value: Value, reader: Node): boolean {
    const readers = this.readers(value);
    return readers.length === 1 && readers[0] === reader && !this.isKept(value);
  }

  /** The node's place in the order. */
  placeOf(node: Node): number {
    return this.#nodes.indexOf(node);
  }

  /** Replaces nodes by one, which runs where `at` ran; what nobody reads any longer is dropped. */
  replace(removed: readonly Node[], at: Node, made: Node): void {
    const gone = new Set(removed);
    this.#nodes = this.#nodes.flatMap((node) => {
      if (node === at) return [made];
      return gone.has(node) ? [] : [node];
    });
    this.#index();
    this.#dropUnread();
  }

  /** Records what a rule did (`reason` null) or could not do. */
  note(rule: string, at: Value, reason: string | null, unstored: readonly Value[] = []): void {
    const saved_bytes = unstored.reduce((sum, { shape }) => sum + 4 * size(shape), 0);
    this.fusions.push({ rule, at: at.name, reason, saved_bytes });
  }

  #index(): void {
    this.#readers = new Map();
    this.#makers = new Map();
    for (const node of this.#nodes) {
      for (const output of node.outputs) this.#makers.set(output, node);
      for (const input of node.inputs) {
        if (input === null) continue;
        const root = rootValue(input);
        const readers = this.#readers.get(root);
        if (readers === undefined) this.#readers.set(root, [node]);
        else readers.push(node);
      }
    }
  }

  #dropUnread(): void {
    for (;;) {
      const live = this.#nodes.filter(
        ({ outputs }) =>
          outputs.length === 0 ||
          outputs.some((value) => this.isKept(value) || this.readers(value).length > 0),
      );
      if (live.length === this.#nodes.length) return;
      this.#nodes = live;
      this.#index();
    }
  }
}

// A shader with its accesses to shared memory recorded: the rewritten text, the buffer that it adds,
// and what its records speak of. Pure.
import { evaluate, type Names } from "../outside/expression.ts";
import type { Declarations } from "../outside/declarations.ts";
import { mentions } from "../outside/declarations.ts";
import type { TypeNames } from "../outside/layout.ts";
import type { OutsideBuffer, OutsideProblem } from "../outside/problem.ts";
import { OUTSIDE, recorderText } from "./recorder.ts";
import type { SharedVariable } from "./places.ts";
import type { Site } from "./record_writer.ts";
import { rewriteFunctions } from "./rewrite.ts";
import { functionsOf, type FunctionText } from "./signatures.ts";
import { tokensOf } from "./tokens.ts";
import { placeType, type PlaceType } from "./types.ts";

/** An instrumented shader. */
export interface Instrumented {
  /** The problem with the rewritten text. */
  readonly problem: OutsideProblem;
  /** The place of the log in group 0. */
  readonly binding: number;
  readonly sites: readonly Site[];
  readonly variables: readonly SharedVariable[];
  /** Accesses that are not recorded, one line each. */
  readonly unfollowed: readonly string[];
}

/**
 * Each buffer has its own range of places, whatever its length, so that the text of a shader is the
 * same for all lengths.
 */
const BUFFER_PLACES = 2 ** 27;
const MOST_BUFFERS = Math.floor(OUTSIDE / BUFFER_PLACES);

/**
 * Instruments a shader. Throws ReadError with a place for a text that this program cannot read.
 */
export function instrument(problem: OutsideProblem): Instrumented {
  const { code, declarations, file } = problem;
  const prefix = freePrefix(code);
  const names: TypeNames = { ...declarations, values: valuesOf(problem) };
  const unfollowed: string[] = [];
  const variables = sharedVariables(problem, names, unfollowed);
  const tokens = tokensOf(declarations.bare);
  const functions = functionsOf(tokens);
  const { bare } = declarations;
  const context = { code, bare, tokens, functions, variables, names, prefix, file };
  const rewritten = rewriteFunctions(context);
  const { edits, sites, slots, passed, matrices } = rewritten.writer;
  startEntry(problem, functions, prefix, edits);
  const binding = freeBinding(declarations);
  const recorder = recorderText({ prefix, group: 0, binding, slots, passed, matrices });
  return {
    problem: { ...problem, code: `${edits.apply(code)}\n${recorder}` },
    binding,
    sites,
    variables,
    unfollowed: [...unfollowed, ...rewritten.unfollowed],
  };
}

/** A prefix that no name of the text has. */
function freePrefix(code: string): string {
  let prefix = "rd_";
  for (let i = 1; code.includes(prefix); i++) prefix = `rd${i}_`;
  return prefix;
}

function freeBinding({ buffers }: Declarations): number {
  const taken = new Set(buffers.filter(({ group }) => group === 0).map(({ binding }) => binding));
  let binding = 0;
  while (taken.has(binding)) binding++;
  return binding;
}

/** The values of constants and overrides, for the sizes of types. */
function valuesOf({ declarations, numbers, file }: OutsideProblem): Names {
  const find = (name: string): number | undefined => {
    const text = declarations.constants.get(name);
    if (text === undefined) return numbers[name];
    return evaluate(text, find, `${file}: ${name}`, { wgsl: true });
  };
  return find;
}

function sharedVariables(
  { declarations, buffers, reached, file }: OutsideProblem,
  names: TypeNames,
  unfollowed: string[],
): SharedVariable[] {
  const found: SharedVariable[] = [];
  let shared_places = 0;
  const add = (
    space: SharedVariable["space"],
    { name, type: text }: { readonly name: string; readonly type: string },
    count: number,
  ): void => {
    let type: PlaceType;
    try {
      type = placeType(text, names, `${file}: ${name}`);
    } catch (error) {
      unfollowed.push(`${(error as Error).message}: it is not followed`);
      return;
    }
    const element = openArray(type);
    const places = type.places + count * (element?.places ?? 0);
    const before = found.filter((one) => one.space === "storage").length;
    if (space === "storage" && (places > BUFFER_PLACES || before === MOST_BUFFERS)) {
      unfollowed.push(`${file}: ${name} with ${places} numbers is too large to be followed`);
      return;
    }
    const first = space === "storage" ? before * BUFFER_PLACES : shared_places;
    if (space === "workgroup") shared_places += places;
    found.push({ name, space, type, first, places });
  };
  for (const one of declarations.shared) {
    if (mentions(reached, one.name)) add("workgroup", one, 0);
  }
  for (const { name, space, count } of buffers) {
    if (space !== "read_write") continue;
    add(
      "storage",
      declarations.buffers.find((one) => one.name === name)!,
      count,
    );
  }
  return found;
}

/** The element of the array of open length at the end of a type; null if it has none. */
function openArray(type: PlaceType): PlaceType | null {
  if (type.kind === "struct") return openArray(type.members.at(-1)!.type);
  return type.kind === "array" && type.count === null ? type.element : null;
}

const BUILTINS = {
  local_invocation_index: "u32",
  workgroup_id: "vec3u",
} as const;

/** Lets the entry point tell the records which invocation it is. */
function startEntry(
  { declarations, entry }: OutsideProblem,
  functions: readonly FunctionText[],
  prefix: string,
  edits: { readonly append: (end: number, text: string) => void },
): void {
  const { parameters, open, body_start } = functions.find(({ name }) => name === entry)!;
  const added: string[] = [];
  const values = Object.entries(BUILTINS).map(([builtin, type]) => {
    for (const { name, type: struct, builtin: own } of parameters) {
      if (own === builtin) return name;
      const member = memberOf(declarations.bare, struct, builtin);
      if (member !== null) return `${name}.${member}`;
    }
    added.push(`@builtin(${builtin}) ${prefix}${builtin}: ${type}`);
    return `${prefix}${builtin}`;
  });
  if (added.length > 0)
    edits.append(open, `${added.join(", ")}${parameters.length > 0 ? ", " : ""}`);
  edits.append(body_start, ` ${prefix}start(${values.join(", ")});`);
}

/** The member of a struct that holds a built-in value. */
function memberOf(bare: string, struct: string, builtin: string): string | null {
  if (!/^\w+$/.test(struct)) return null;
  const body = new RegExp(`\\bstruct\\s+${struct}\\s*\\{([^}]*)\\}`, "u").exec(bare)?.[1] ?? "";
  const member = new RegExp(
    `@\\s*builtin\\s*\\(\\s*${builtin}\\s*,?\\s*\\)\\s*(?:@[^:]*\\s)?([\\p{L}_][\\p{L}\\p{N}_]*)\\s*:`,
    "u",
  );
  return member.exec(body)?.[1] ?? null;
}

/** An instrumented problem with a log of so many words as its last buffer. */
export function withLog({ problem, binding }: Instrumented, words: number): OutsideProblem {
  const leaf = { offset: 0, type: "u32", path: "" } as const;
  const log: OutsideBuffer = {
    name: "log",
    group: 0,
    binding,
    space: "read_write",
    access: "scratch",
    layout: {
      align: 4,
      size: 0,
      leaves: [],
      array: { offset: 0, stride: 4, count: null, leaves: [leaf] },
    },
    count: words,
    shape: [words],
    size_bytes: 4 * words,
    head: [],
    data: "zeros",
  };
  return { ...problem, buffers: [...problem.buffers, log] };
}

// The interface of a compute shader that a program brings along as a text. Unlike a file of shaders/
// it needs no header and no fixed layout of lines; it does keep the engine's contract: tensors are
// storage buffers of f32 in group 0, numbers are the fields of one uniform struct, as binding 0.
import { InputError } from "../tensor/error.ts";
import type { ShaderInfo } from "./kernel.ts";

const BINDING =
  /((?:@(?:group|binding)\s*\(\s*\d+\s*\)\s*){2})var\s*<\s*([^>]+?)\s*>\s*(\w+)\s*:\s*([^;]+);/g;
const ENTRY = /@compute\b[^;{}]*?\bfn\s+(\w+)\s*\(/g;
const OVERRIDE =
  /(@id\s*\([^)]*\)\s*)?\boverride\s+(\w+)\s*(?::\s*(\w+)\s*)?(?:=\s*([^;]+?)\s*)?;/g;
const LITERAL = /^(?:(true|false)|(-?[\d.]+(?:e[-+]?\d+)?)([uif]?))$/;
const FIELD = /^(\w+)\s*:\s*(u32|i32|f32)$/;
const FLOATS = /^(?:array<\s*)?(?:f32|vec[234](?:f|<\s*f32\s*>))\s*(?:,\s*\w+\s*)?>?$/;

/** The names that a program says a shader binds, each in the order that it likes. */
export interface OwnBindings {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly changed: readonly string[];
}

/**
 * The facts about a text that the engine runs; `entry` chooses among several entry points. Throws
 * InputError, naming the shader and the rule, if the text breaks the contract or binds other tensors
 * than `expected`.
 */
export function readOwnShader(
  code: string,
  expected: OwnBindings,
  entry?: string,
): ShaderInfo & { readonly code: string } {
  if (typeof code !== "string") throw new InputError("kernel: wgsl: expected a text");
  const text = code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, " ");
  const name = entryPoint(text, entry);
  const fail = (what: string): never => {
    throw new InputError(`kernel ${name}: ${what}`);
  };
  const found = [...text.matchAll(BINDING)].map(([, place, space, binding, type]) => ({
    group: Number(/group\s*\(\s*(\d+)/.exec(place)?.[1] ?? NaN),
    index: Number(/binding\s*\(\s*(\d+)/.exec(place)?.[1] ?? NaN),
    space: space.replaceAll(/\s+/g, ""),
    name: binding,
    type: type.trim(),
  }));
  found.sort((a, b) => a.index - b.index);
  if ((text.match(/@binding\b/g) ?? []).length !== found.length) {
    fail("every binding must be `@group(0) @binding(N) var<uniform or storage> name: type;`");
  }
  for (const [i, { group, index, ...one }] of found.entries()) {
    if (group !== 0 || index !== i) {
      fail(`${one.name} is binding ${index} of group ${group}; expected group 0, dense from 0`);
    }
  }
  const [first] = found;
  const isStruct = first?.space === "uniform" && !FLOATS.test(first.type);
  const params = isStruct ? fieldsOf(text, first.type, fail) : [];
  const tensors = (isStruct ? found.slice(1) : found).map((one): ShaderInfo["bindings"][number] => {
    if (!FLOATS.test(one.type)) {
      fail(`${one.name} is ${one.type}; tensors are array<f32>: take bits by bitcast<u32>`);
    }
    const written = one.space === "storage,read_write";
    if (!written && !["storage", "storage,read", "uniform"].includes(one.space)) {
      fail(`${one.name} is var<${one.space}>; expected storage or uniform`);
    }
    const changed = expected.changed.includes(one.name) ? "inout" : "write";
    return {
      name: one.name,
      binding: one.index,
      access: written ? changed : "read",
      uniform: one.space === "uniform",
    };
  });
  checkNames(tensors, expected, fail);
  return {
    name,
    code,
    file: `kernel ${name}`,
    bindings: tensors,
    params,
    overrides: overridesOf(text, fail),
    tune: [],
    constants: {},
    features: [...text.matchAll(/^\s*enable\s+([^;]+);/gm)].flatMap(([, list]) =>
      list.split(",").map((one) => (one.trim() === "f16" ? "shader-f16" : one.trim())),
    ),
  };
}

function entryPoint(text: string, wanted: string | undefined): string {
  const names = [...text.matchAll(ENTRY)].map(([, name]) => name);
  if (wanted !== undefined && names.includes(wanted)) return wanted;
  if (wanted === undefined && names.length === 1) return names[0];
  const list = names.length === 0 ? "none" : names.join(", ");
  throw new InputError(
    `kernel: its text has the entry points ${list}; expected ${wanted ?? "one, or `entry` with a name"}`,
  );
}

/** The fields of the struct of numbers, in their order. */
function fieldsOf(
  text: string,
  struct: string,
  fail: (what: string) => never,
): ShaderInfo["params"][number][] {
  const body = new RegExp(`\\bstruct\\s+${struct}\\s*\\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined) return fail(`binding 0 is ${struct}, but the text has no such struct`);
  const fields = body.split(",").map((one) => one.trim());
  return fields
    .filter((one) => one !== "")
    .map((one) => {
      const [, name, type] = FIELD.exec(one) ?? fail(`${struct}: ${one}: expected u32, i32 or f32`);
      return { name, type: type as "u32" | "i32" | "f32" };
    });
}

/** The overrides with a number as their default; others keep what the text computes. */
function overridesOf(
  text: string,
  fail: (what: string) => never,
): ShaderInfo["overrides"][number][] {
  return [...text.matchAll(OVERRIDE)].flatMap(
    ([, id, name, type, value]): ShaderInfo["overrides"][number][] => {
      if (id !== undefined) return fail(`override ${name}: leave out its @id; it is set by name`);
      if (value === undefined) return fail(`override ${name}: expected a default`);
      const [literal, flag, , suffix] = LITERAL.exec(value) ?? [];
      if (literal === undefined) return [];
      if (flag !== undefined) return [{ name, type: "bool" as const, value: flag === "true" }];
      const real = /[.e]/.test(literal) ? "f32" : "i32";
      const guessed = suffix === "" ? real : `${suffix}32`;
      return [
        { name, type: (type ?? guessed) as "u32" | "i32" | "f32", value: parseFloat(literal) },
      ];
    },
  );
}

function checkNames(
  tensors: ShaderInfo["bindings"],
  expected: OwnBindings,
  fail: (what: string) => never,
): void {
  const kinds = { inputs: "read", outputs: "write", changed: "inout" } as const;
  for (const [kind, access] of Object.entries(kinds)) {
    const named = expected[kind as keyof OwnBindings];
    const bound = tensors.filter((one) => one.access === access).map(({ name }) => name);
    if (named.toSorted().join() === bound.toSorted().join()) continue;
    const list = (names: readonly string[]): string => names.join(", ") || "none";
    fail(`${kind}: the text binds ${list(bound)} so, the kernel names ${list(named)}`);
  }
}

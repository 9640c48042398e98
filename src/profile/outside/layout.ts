// The layout of WGSL types in memory: which number lies at which byte.
// Source: "Memory Layout" of the WGSL specification (alignment and size of host-shareable types).
import { InputError } from "../../tensor/error.ts";
import { evaluate, type Names } from "./expression.ts";

/** The type of one number. */
export type Scalar = "f32" | "i32" | "u32" | "f16";

/** One number of a type: its place, and its path such as `b.x` within the type. */
export interface Leaf {
  readonly offset: number;
  readonly type: Scalar;
  readonly path: string;
}

/** A struct as its text declares it. */
export interface StructText {
  readonly members: readonly {
    readonly name: string;
    readonly type: string;
    readonly align?: string;
    readonly size?: string;
  }[];
}

/** The names that a type may use. */
export interface TypeNames {
  readonly structs: ReadonlyMap<string, StructText>;
  readonly aliases: ReadonlyMap<string, string>;
  readonly values: Names;
}

/** An array at the end of a type; `count` is null if the buffer decides it. */
export interface TailArray {
  readonly offset: number;
  readonly stride: number;
  readonly count: number | null;
  /** The numbers of one element. */
  readonly leaves: readonly Leaf[];
}

/** A type in memory: single numbers, and perhaps one array behind them. */
export interface Layout {
  readonly align: number;
  /** Without the elements of an array of unknown length. */
  readonly size: number;
  readonly leaves: readonly Leaf[];
  readonly array: TailArray | null;
}

const BYTES: Readonly<Record<Scalar, number>> = { f32: 4, i32: 4, u32: 4, f16: 2 };
const SHORT: Readonly<Record<string, Scalar>> = { f: "f32", i: "i32", u: "u32", h: "f16" };
const AXES = "xyzw";
// A struct with more single numbers is a table, and an array serves it better.
const MOST_LEAVES = 4096;

/** The layout of a type text; throws InputError for a type that no buffer can hold. */
export function layoutOf(type: string, names: TypeNames, where: string): Layout {
  const { name, parts } = typeParts(type);
  const alias = parts.length === 0 ? names.aliases.get(name) : undefined;
  if (alias !== undefined) return layoutOf(alias, names, where);
  if (name in BYTES) {
    const scalar = name as Scalar;
    return plain(BYTES[scalar], BYTES[scalar], [{ offset: 0, type: scalar, path: "" }]);
  }
  if (name === "atomic") return layoutOf(parts[0] ?? "", names, where);
  const vector = /^vec([234])([fiuh]?)$/.exec(name);
  if (vector !== null) {
    return vectorLayout(Number(vector[1]), elementOf(vector[2], parts, names, where));
  }
  const matrix = /^mat([234])x([234])([fh]?)$/.exec(name);
  if (matrix !== null) {
    const column = vectorLayout(Number(matrix[2]), elementOf(matrix[3], parts, names, where));
    return expanded(column, Number(matrix[1]), where);
  }
  if (name === "array") return arrayLayout(parts, names, where);
  const struct = names.structs.get(name);
  if (struct !== undefined) return structLayout(struct, names, where);
  throw new InputError(`${where}: a buffer of type ${type} cannot be filled by this program`);
}

function plain(align: number, size: number, leaves: readonly Leaf[]): Layout {
  return { align, size, leaves, array: null };
}

function elementOf(
  suffix: string,
  parts: readonly string[],
  names: TypeNames,
  where: string,
): Scalar {
  if (suffix !== "") return SHORT[suffix];
  const { leaves } = layoutOf(parts[0] ?? "", names, where);
  return leaves[0].type;
}

/** A vector of 3 is aligned like one of 4. */
function vectorLayout(count: number, type: Scalar): Layout {
  const bytes = BYTES[type];
  const leaves = Array.from({ length: count }, (_, i): Leaf => {
    return { offset: i * bytes, type, path: AXES[i] };
  });
  return plain((count === 3 ? 4 : count) * bytes, count * bytes, leaves);
}

/** Every number of `count` elements, one behind the other. */
function expanded(element: Layout, count: number, where: string): Layout {
  if (element.leaves.length * count > MOST_LEAVES) {
    throw new InputError(`${where}: an array of ${count} elements is not the last member`);
  }
  const stride = roundUp(element.size, element.align);
  const leaves = Array.from({ length: count }, (_, i) =>
    element.leaves.map((leaf): Leaf => moved(leaf, i * stride, String(i))),
  );
  return plain(element.align, count * stride, leaves.flat());
}

function arrayLayout(parts: readonly string[], names: TypeNames, where: string): Layout {
  const element = single(layoutOf(parts[0] ?? "", names, where), where);
  const stride = roundUp(element.size, element.align);
  const count =
    parts[1] === undefined ? null : evaluate(parts[1], names.values, where, { wgsl: true });
  const array = { offset: 0, stride, count, leaves: element.leaves };
  return { align: element.align, size: (count ?? 0) * stride, leaves: [], array };
}

/** A type without an array, or with its array as single numbers. */
function single(layout: Layout, where: string): Layout {
  const { array, leaves } = layout;
  if (array === null) return layout;
  if (array.count === null) {
    throw new InputError(`${where}: an array of unknown length must be the last member`);
  }
  if (array.count * array.leaves.length > MOST_LEAVES) {
    throw new InputError(`${where}: an array of ${array.count} elements is not the last member`);
  }
  const elements = Array.from({ length: array.count }, (_, i) =>
    array.leaves.map((leaf) => moved(leaf, array.offset + i * array.stride, String(i))),
  );
  return { ...layout, leaves: [...leaves, ...elements.flat()], array: null };
}

function structLayout({ members }: StructText, names: TypeNames, where: string): Layout {
  let [align, end] = [1, 0];
  let array: TailArray | null = null;
  const leaves: Leaf[] = [];
  for (const [i, member] of members.entries()) {
    const own = `${where}.${member.name}`;
    const found = layoutOf(member.type, names, own);
    const isLast = i === members.length - 1;
    const layout = isLast ? found : single(found, own);
    const number = (text: string | undefined, usual: number): number =>
      text === undefined ? usual : evaluate(text, names.values, own, { wgsl: true });
    const memberAlign = number(member.align, layout.align);
    const offset = roundUp(end, memberAlign);
    leaves.push(...layout.leaves.map((leaf) => moved(leaf, offset, member.name)));
    if (layout.array !== null) array = { ...layout.array, offset: offset + layout.array.offset };
    end = offset + number(member.size, layout.size);
    align = Math.max(align, memberAlign);
  }
  return { align, size: roundUp(end, align), leaves, array };
}

function moved({ offset, type, path }: Leaf, by: number, name: string): Leaf {
  return { offset: offset + by, type, path: path === "" ? name : `${name}.${path}` };
}

function roundUp(size: number, align: number): number {
  return Math.ceil(size / align) * align;
}

/** `array` and its parts between `<` and `>`: `array<vec2<f32>, 4>` has two. */
export function typeParts(type: string): {
  readonly name: string;
  readonly parts: readonly string[];
} {
  const text = type.trim();
  const open = text.indexOf("<");
  if (open < 0) return { name: text, parts: [] };
  const inside = text.slice(open + 1, text.lastIndexOf(">"));
  return { name: text.slice(0, open).trim(), parts: splitTop(inside) };
}

/** Splits a text at the commas that no bracket encloses; a comma at the end adds nothing. */
export function splitTop(text: string): string[] {
  const parts: string[] = [];
  let [depth, part] = [0, ""];
  for (const letter of text) {
    if ("<([".includes(letter)) depth++;
    if (">)]".includes(letter)) depth--;
    if (letter === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += letter;
  }
  return [...parts, part.trim()].filter((one) => one !== "");
}

// The sizes of the matrices that subgroups load and store, from the types in a text. Pure.
import { evaluate } from "../outside/expression.ts";
import { splitTop, typeParts, type TypeNames } from "../outside/layout.ts";

/** A matrix in memory: `lines` rows or columns of `width` elements. */
export interface MatrixSize {
  readonly lines: number;
  readonly width: number;
}

const MATRIX = /^subgroup_matrix_(?:left|right|result)$/;
const RESULT = /\bsubgroup_matrix_result\s*<([^<>]*)>/g;

/**
 * The size of what a call with `parts` between `<` and `>` loads or stores; null if the text does not say.
 * A store does not name the type of its matrix: it is the only type of results in the text.
 */
export function matrixSize(
  call: string,
  parts: string,
  bare: string,
  names: TypeNames,
): MatrixSize | null {
  const [first, second] = splitTop(parts);
  const isLoad = call === "subgroupMatrixLoad";
  const results = new Set(Array.from(bare.matchAll(RESULT), ([, inside]) => inside));
  const sides = isLoad
    ? sidesOf(first, names)
    : results.size === 1
      ? splitTop([...results][0])
      : [];
  const order = isLoad ? second : first;
  try {
    const [columns, rows] = sides
      .slice(1)
      .map((side) => evaluate(side, names.values, call, { wgsl: true }));
    if (columns === undefined || rows === undefined) return null;
    if (order === "row_major") return { lines: rows, width: columns };
    return order === "col_major" ? { lines: columns, width: rows } : null;
  } catch {
    return null;
  }
}

function sidesOf(type: string, names: TypeNames): readonly string[] {
  const { name, parts } = typeParts(type);
  const alias = names.aliases.get(name);
  if (alias !== undefined) return sidesOf(alias, names);
  return MATRIX.test(name) ? parts : [];
}

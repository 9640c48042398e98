// The places of a type that an access can touch: its numbers, counted from 0. Two components of a
// vector are two places, so that invocations which store different components do not conflict. Pure.
import { InputError } from "../../tensor/error.ts";
import { evaluate } from "../outside/expression.ts";
import { typeParts, type TypeNames } from "../outside/layout.ts";

interface Common {
  /** As the text writes it. */
  readonly text: string;
  /** Its numbers; 0 for an array whose length the buffer decides. */
  readonly places: number;
}

/** A type and the numbers in it. */
export type PlaceType = Common &
  (
    | { readonly kind: "scalar" | "atomic" }
    /** The columns of a matrix are its elements. */
    | {
        readonly kind: "vector" | "matrix" | "array";
        readonly element: PlaceType;
        /** Null if the buffer decides it. */
        readonly count: number | null;
      }
    | {
        readonly kind: "struct";
        readonly members: readonly {
          readonly name: string;
          readonly first: number;
          readonly type: PlaceType;
        }[];
      }
  );

const SCALARS = /^(?:f32|f16|i32|u32|bool)$/;
const SHORT: Readonly<Record<string, string>> = { f: "f32", h: "f16", i: "i32", u: "u32" };

/** The type of a text; throws InputError naming `where` for one that has no places in memory. */
export function placeType(text: string, names: TypeNames, where: string): PlaceType {
  const { name, parts } = typeParts(text);
  const alias = parts.length === 0 ? names.aliases.get(name) : undefined;
  if (alias !== undefined) return placeType(alias, names, where);
  if (SCALARS.test(name)) return { kind: "scalar", text: name, places: 1 };
  if (name === "atomic") return { kind: "atomic", text, places: 1 };
  const of = (part: string | undefined): PlaceType => placeType(part ?? "", names, where);
  const [, width, vectorOf] = /^vec([234])([fhiu]?)$/.exec(name) ?? [];
  if (width !== undefined) {
    const element = of(vectorOf === "" ? parts[0] : SHORT[vectorOf]);
    return { kind: "vector", text, places: Number(width), element, count: Number(width) };
  }
  const [, columns, rows, matrixOf] = /^mat([234])x([234])([fh]?)$/.exec(name) ?? [];
  if (columns !== undefined) {
    const scalar = matrixOf === "" ? parts[0] : SHORT[matrixOf];
    const element = of(`vec${rows}<${scalar}>`);
    const count = Number(columns);
    return { kind: "matrix", text, places: count * element.places, element, count };
  }
  if (name === "array") {
    const element = of(parts[0]);
    const count =
      parts[1] === undefined ? null : evaluate(parts[1], names.values, where, { wgsl: true });
    return { kind: "array", text, places: (count ?? 0) * element.places, element, count };
  }
  const struct = names.structs.get(name);
  if (struct === undefined) throw new InputError(`${where}: ${text} is not a type in memory`);
  let places = 0;
  const members = struct.members.map((member) => {
    const type = placeType(member.type, names, `${where}.${member.name}`);
    const first = places;
    places += type.places;
    return { name: member.name, first, type };
  });
  return { kind: "struct", text, places, members };
}

/** A place by name: `[17].y` for the second component of element 17. */
export function placeName(type: PlaceType, place: number): string {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return "";
    case "vector":
      return `.${"xyzw"[place]}`;
    case "matrix":
    case "array": {
      const { element } = type;
      const index = Math.floor(place / element.places);
      return `[${index}]${placeName(element, place - index * element.places)}`;
    }
    case "struct": {
      const member = type.members.findLast(({ first }) => first <= place)!;
      return `.${member.name}${placeName(member.type, place - member.first)}`;
    }
    default:
      return type satisfies never;
  }
}

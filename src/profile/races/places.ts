// Parts of shared memory as expressions name them: a variable or what a pointer points to, with the
// members and indices behind it. Pure.
import type { PlaceType } from "./types.ts";

/** A variable whose accesses are recorded. */
export interface SharedVariable {
  readonly name: string;
  readonly space: "workgroup" | "storage";
  readonly type: PlaceType;
  /** Its first place among all places of its address space. */
  readonly first: number;
  readonly places: number;
}

/** An index in brackets: its part of the text, and the places that it steps over. */
export interface Step {
  readonly start: number;
  readonly end: number;
  readonly extent: string;
  readonly stride: number;
}

/** A part of shared memory, as far as the text says which. */
export interface Place {
  readonly space: SharedVariable["space"];
  /** WGSL for the first place of the variable or of what a pointer points to. */
  readonly base: string;
  readonly offset: number;
  readonly type: PlaceType;
  readonly steps: readonly Step[];
  /** The components that a swizzle of several names. */
  readonly swizzle: readonly number[] | null;
  /** WGSL for the length of its array of open length. */
  readonly length: string;
}

/** The whole of a variable. */
export function wholeOf({ name, space, type, first }: SharedVariable): Place {
  const length = lengthText(type, name, `(${name})`);
  return { space, base: `${first}u`, offset: 0, type, steps: [], swizzle: null, length };
}

/** The target of a pointer parameter; `base` is WGSL for its first place. */
export function pointedBy(
  name: string,
  space: SharedVariable["space"],
  type: PlaceType,
  base: string,
): Place {
  const length = lengthText(type, `*${name}`, `(*${name})`);
  return { space, base, offset: 0, type, steps: [], swizzle: null, length };
}

/** A member of a struct or the components of a vector; null if there is none of this name. */
export function memberOf(place: Place, name: string): Place | null {
  const { type, offset } = place;
  if (type.kind === "struct") {
    const member = type.members.find((one) => one.name === name);
    if (member === undefined) return null;
    return { ...place, offset: offset + member.first, type: member.type };
  }
  if (type.kind !== "vector") return null;
  const { element } = type;
  const own = place.swizzle ?? [0, 1, 2, 3];
  const axes = name.split("").map((letter) => own["xyzwrgba".indexOf(letter) % 4]);
  if (axes.length === 1) {
    return { ...place, offset: offset + axes[0], type: element, swizzle: null };
  }
  const width = axes.length;
  const text = `vec${width}<${element.text}>`;
  return { ...place, type: { ...type, text, places: width, count: width }, swizzle: axes };
}

/** The element at an index, whose text is between `start` and `end`; null if there are none. */
export function elementOf(place: Place, start: number, end: number): Place | null {
  const { type, steps, length } = place;
  if (type.kind !== "array" && type.kind !== "vector" && type.kind !== "matrix") return null;
  const { element, count } = type;
  const extent = count === null ? length : `${count}u`;
  return {
    ...place,
    type: element,
    steps: [...steps, { start, end, extent, stride: element.places }],
  };
}

/** WGSL for the first place of one without indices. */
export function baseOf({ base, offset }: Place): string {
  return offset === 0 ? base : `(${base} + ${offset}u)`;
}

/** The consecutive places of an access: their first, and how many they are. */
export function runsOf({ type, swizzle }: Place): [number, number][] {
  if (swizzle === null) return [[0, type.places]];
  const runs: [number, number][] = [];
  for (const axis of [...new Set(swizzle)].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === axis) last[1]++;
    else runs.push([axis, 1]);
  }
  return runs;
}

/** WGSL for the length of the open array at the end of a variable; unused if there is none. */
function lengthText(type: PlaceType, whole: string, owner: string): string {
  let [path, end] = ["", type];
  while (end.kind === "struct") {
    const last: { readonly name: string; readonly type: PlaceType } = end.members.at(-1)!;
    path += `.${last.name}`;
    end = last.type;
  }
  return `arrayLength(&${path === "" ? whole : `${owner}${path}`})`;
}

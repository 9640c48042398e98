// Adds records to a text. An index passes through functions that compute the place and return the
// index; a value without an index passes through one that returns it. A record is thus made when the
// access happens, in any expression and in the header of a loop too, and no line moves. Pure.
import { Edits } from "./edits.ts";
import { baseOf, runsOf, type Place, type SharedVariable } from "./places.ts";
import { FIRST_SITE, UNFOLLOWED } from "./recorder.ts";
import type { PlaceType } from "./types.ts";

/** One access in the text. */
export interface Site {
  readonly kind: "read" | "write" | "update";
  readonly space: SharedVariable["space"];
  readonly line: number;
  /** How many places it touches. */
  readonly places: number;
}

/** A part of the text. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** The elements of a matrix in memory, `lines` rows or columns of `width` each. */
export interface MatrixAccess {
  /** The argument with its first element. */
  readonly offset: Part;
  /** WGSL for the elements from one line to the next, and for those of the whole array. */
  readonly pitch: string;
  readonly extent: string;
  readonly lines: number;
  readonly width: number;
}

/** Collects the edits of one text. */
export class RecordWriter {
  readonly edits: Edits = new Edits();
  readonly sites: Site[] = [];
  /** Private variables that hold places. */
  slots = 0;
  /** Whether matrices of subgroups are loaded or stored. */
  matrices = false;
  /** The types of the values that pass through a function, in the order of their numbers. */
  readonly passed: string[] = [];
  readonly #code: string;
  readonly #prefix: string;

  /** For a text; `prefix` is in front of every name that is added. */
  constructor(code: string, prefix: string) {
    this.#code = code;
    this.#prefix = prefix;
  }

  /** The line of a place in the text. */
  lineAt(at: number): number {
    return this.#code.slice(0, at).split("\n").length;
  }

  /** A load of what `part` names. */
  read(place: Place, part: Part): void {
    if (place.type.kind === "atomic") return;
    if (place.steps.length > 0) this.#noted(place, "read", part.start);
    else this.#pass(place, baseOf(place), "read", part.start, part);
  }

  /** An assignment of `value` to what begins at `at`; it happens once the value is known. */
  store(place: Place, at: number, value: Part): void {
    if (place.type.kind === "atomic") return;
    this.#pass(place, this.located(place), "write", at, value);
  }

  /**
   * A compound assignment with `sign` to `target`; `value` is null for `++` and `--`. With an index
   * it is recorded there, else the assignment is written out.
   */
  update(place: Place, target: Part, sign: Part, value: Part | null): void {
    const { type, steps } = place;
    if (type.kind === "atomic") return;
    if (steps.length > 0) {
      this.#noted(place, "update", target.start);
      return;
    }
    const own = this.#code.slice(target.start, target.end);
    const operator = this.#code.slice(sign.start, sign.end - 1);
    const begin = `= ${this.#passName(type)}(${own} ${operator} (`;
    const site = this.#site(place, "update", target.start, type.places);
    const rest = `), ${baseOf(place)}, ${site})`;
    this.edits.replace(sign.start, sign.end, value === null ? `${begin}1${rest}` : begin);
    if (value !== null) this.edits.append(value.end, rest);
  }

  /** A `workgroupUniformLoad` as `part`: it lies between two barriers of its own. */
  uniformLoad(place: Place, part: Part): void {
    const { type } = place;
    const isAtomic = type.kind === "atomic";
    const text = isAtomic ? type.text.replace(/^atomic\s*<(.*)>$/s, "$1") : type.text;
    const first = isAtomic ? `${UNFOLLOWED}u` : this.located(place);
    const site = this.#site(place, "read", part.start, type.places);
    const pass = this.#passName({ ...type, text });
    this.edits.wrap(part.start, part.end, `${pass}_uniform(`, `, ${first}, ${site})`);
  }

  /**
   * A load or store of a whole matrix by a subgroup, which begins at `at`. All invocations load it; one of
   * the subgroup stores it.
   */
  matrix(place: Place, kind: "read" | "write", at: number, matrix: MatrixAccess): void {
    const { offset, pitch, extent, lines, width } = matrix;
    const site = this.#site(place, kind, at, 1);
    const who = kind === "read" ? "true" : "subgroupElect()";
    const begin = `${this.#prefix}matrix(u32(`;
    const size = `${extent}, ${lines}u, ${width}u`;
    const rest = `), u32(${pitch}), ${baseOf(this.fixed(place))}, ${size}, ${site}, ${who})`;
    this.edits.wrap(offset.start, offset.end, begin, rest);
    this.matrices = true;
  }

  /** WGSL for the first place; indices pass through functions that compute it. */
  located(place: Place): string {
    const { steps } = place;
    if (steps.length === 0) return baseOf(place);
    const slot = `${this.#prefix}place_${this.slots++}`;
    steps.forEach(({ start, end, extent, stride }, i) => {
      const begin = i === 0 ? `from(&${slot}, ${baseOf(place)}, ` : `next(&${slot}, `;
      this.edits.wrap(start, end, `${this.#prefix}${begin}u32(`, `), ${extent}, ${stride}u)`);
    });
    return slot;
  }

  /** A place without indices: those it has are evaluated now, not where it is used. */
  fixed(place: Place): Place {
    if (place.steps.length === 0) return place;
    return { ...place, base: this.located(place), offset: 0, steps: [] };
  }

  /** Passes a value through the function that records its place. */
  #pass(place: Place, first: string, kind: Site["kind"], at: number, value: Part): void {
    const name = this.#passName(place.type);
    for (const [from, count] of runsOf(place)) {
      const site = this.#site(place, kind, at, count);
      this.edits.wrap(value.start, value.end, `${name}(`, `, ${first} + ${from}u, ${site})`);
    }
  }

  /** Passes the last index through the function that records the place. */
  #noted(place: Place, kind: Site["kind"], at: number): void {
    const slot = this.located(place);
    const last = place.steps.at(-1)!;
    for (const [from, count] of runsOf(place)) {
      const rest = `, ${slot} + ${from}u, ${this.#site(place, kind, at, count)})`;
      this.edits.wrap(last.start, last.end, `${this.#prefix}note(`, rest);
    }
  }

  /** WGSL for the number of a new access. */
  #site({ space }: Place, kind: Site["kind"], at: number, places: number): string {
    this.sites.push({ kind, space, line: this.lineAt(at), places });
    return `${this.sites.length - 1 + FIRST_SITE}u`;
  }

  #passName({ text }: PlaceType): string {
    let index = this.passed.indexOf(text);
    if (index < 0) index = this.passed.push(text) - 1;
    return `${this.#prefix}pass_${index}`;
  }
}

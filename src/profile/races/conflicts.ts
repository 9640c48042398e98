// Finds conflicts in the lists of accesses: two invocations of a workgroup at one place between the
// same barriers, or two workgroups at one place of a buffer, one of them writing. A list is read
// barrier by barrier, and the lists of a workgroup one after another. An access then conflicts with
// an earlier invocation exactly if the first one that wrote or read the place is another one. Pure.
import {
  FIRST_SITE,
  HEAD_RECORDS,
  OUTSIDE,
  OVERFLOW,
  RECORD_WORDS,
  STORAGE_BARRIER,
  UNFOLLOWED,
  WORKGROUP_BARRIER,
} from "./recorder.ts";
import type { SharedVariable } from "./places.ts";
import type { Site } from "./record_writer.ts";

/** An access of a conflict. */
export interface ConflictSide {
  readonly site: number;
  readonly invocation: number;
  /** Its workgroup, counted within those that were recorded. */
  readonly group: number;
}

/** Two accesses that nothing orders: the first pair of two sites. */
export interface Conflict {
  readonly sides: readonly [ConflictSide, ConflictSide];
  readonly place: number;
  /** Whether the two are separated by a barrier for the other kind of memory. */
  readonly hasOtherBarrier: boolean;
}

/** The lists of a run. */
export interface AccessLists {
  readonly words: Uint32Array;
  readonly groups: number;
  readonly invocations: number;
  /** Records that a list has room for, the last one for its overflow. */
  readonly length: number;
}

/** Facts about the lists of a run. */
export interface ListFacts {
  /** The most records of an invocation, whether or not they had room. */
  readonly longest: number;
  /** Accesses whose index is too large, and the site of the first. */
  readonly outside: { readonly count: number; readonly site: number };
}

/** Reads the lengths of all lists, and counts accesses outside of their variables. */
export function listFacts({ words, groups, invocations, length }: AccessLists): ListFacts {
  let [longest, count, site] = [0, 0, 0];
  for (let list = 0; list < groups * invocations; list++) {
    const start = HEAD_RECORDS + list * length;
    let i = 0;
    for (; i < length; i++) {
      const place = words[(start + i) * RECORD_WORDS];
      const what = words[(start + i) * RECORD_WORDS + 1];
      if (what === OVERFLOW) i = place + 1; // it has the number of records before it
      if (what === 0 || what === OVERFLOW) break;
      if (what < FIRST_SITE || place < OUTSIDE || place >= UNFOLLOWED) continue;
      if (count++ === 0) site = what - FIRST_SITE;
    }
    longest = Math.max(longest, i);
  }
  return { longest, outside: { count, site } };
}

/** The place of a first access in its list, by place; entries count only with the present stamp. */
class FirstAccesses {
  readonly #stamps: Uint32Array;
  readonly #records: Uint32Array;

  constructor(places: number) {
    this.#stamps = new Uint32Array(places);
    this.#records = new Uint32Array(places);
  }

  /** The record of the first access; -1 if there is none. */
  at(place: number, stamp: number): number {
    return this.#stamps[place] === stamp ? this.#records[place] : -1;
  }

  add(place: number, stamp: number, record: number): void {
    if (this.#stamps[place] === stamp) return;
    this.#stamps[place] = stamp;
    this.#records[place] = record;
  }
}

/** Finds the conflicts in the lists of a shader. */
export class ConflictSearch {
  readonly #lists: AccessLists;
  readonly #sites: readonly Site[];
  readonly #found = new Map<string, Conflict>();

  constructor(lists: AccessLists, sites: readonly Site[]) {
    this.#lists = lists;
    this.#sites = sites;
  }

  /** The conflicts at the places of some variables. */
  conflicts(variables: readonly SharedVariable[]): Conflict[] {
    for (const space of ["workgroup", "storage"] as const) {
      const own = variables.filter((one) => one.space === space);
      const places = own.reduce((sum, one) => sum + one.places, 0);
      if (places === 0) continue;
      const dense = denseNumbers(own);
      this.#betweenInvocations(space, places, dense);
      if (space === "storage") this.#betweenGroups(places, dense);
    }
    return [...this.#found.values()];
  }

  #betweenInvocations(
    space: Site["space"],
    places: number,
    dense: (place: number) => number,
  ): void {
    const { words, groups, invocations, length } = this.#lists;
    const barrier = space === "workgroup" ? WORKGROUP_BARRIER : STORAGE_BARRIER;
    const [writes, reads] = [new FirstAccesses(places), new FirstAccesses(places)];
    const next = new Uint32Array(invocations);
    let stamp = 0;
    for (let group = 0; group < groups; group++) {
      for (let me = 0; me < invocations; me++) {
        next[me] = HEAD_RECORDS + (group * invocations + me) * length;
      }
      for (let isOpen = true; isOpen;) {
        isOpen = false;
        stamp++;
        for (let me = 0; me < invocations; me++) {
          const end = HEAD_RECORDS + (group * invocations + me + 1) * length;
          for (let record = next[me]; ; record++) {
            const what = record < end ? words[record * RECORD_WORDS + 1] : 0;
            if (what === 0 || what === OVERFLOW) {
              next[me] = end;
              break;
            }
            if (what === barrier) {
              next[me] = record + 1;
              isOpen = true;
              break;
            }
            if (what < FIRST_SITE || this.#sites[what - FIRST_SITE].space !== space) continue;
            this.#touch(record, dense, writes, reads, stamp, (other) => this.#listOf(other));
          }
        }
      }
    }
  }

  #betweenGroups(places: number, dense: (place: number) => number): void {
    const { words, groups, invocations, length } = this.#lists;
    const [writes, reads] = [new FirstAccesses(places), new FirstAccesses(places)];
    const groupOf = (record: number): number => Math.floor(this.#listOf(record) / invocations);
    const end = HEAD_RECORDS + groups * invocations * length;
    for (let record = HEAD_RECORDS; record < end; record++) {
      const what = words[record * RECORD_WORDS + 1];
      if (what < FIRST_SITE || what === OVERFLOW) continue;
      if (this.#sites[what - FIRST_SITE].space !== "storage") continue;
      this.#touch(record, dense, writes, reads, 1, groupOf);
    }
  }

  #listOf(record: number): number {
    return Math.floor((record - HEAD_RECORDS) / this.#lists.length);
  }

  /** Adds an access, which conflicts with the first ones that have another owner. */
  #touch(
    record: number,
    dense: (place: number) => number,
    writes: FirstAccesses,
    reads: FirstAccesses,
    stamp: number,
    ownerOf: (record: number) => number,
  ): void {
    const { words } = this.#lists;
    const first = words[record * RECORD_WORDS];
    if (first >= OUTSIDE) return;
    const { kind, places } = this.#sites[words[record * RECORD_WORDS + 1] - FIRST_SITE];
    const owner = ownerOf(record);
    for (let place = first; place < first + places; place++) {
      const at = dense(place);
      const written = writes.at(at, stamp);
      if (written >= 0 && ownerOf(written) !== owner) this.#conflict(written, record, place);
      if (kind === "read") {
        reads.add(at, stamp, record);
        continue;
      }
      const read = reads.at(at, stamp);
      if (read >= 0 && ownerOf(read) !== owner) this.#conflict(read, record, place);
      writes.add(at, stamp, record);
    }
  }

  #conflict(before: number, after: number, place: number): void {
    const { words } = this.#lists;
    const key = `${words[before * RECORD_WORDS + 1]} ${words[after * RECORD_WORDS + 1]}`;
    const sides = [this.#side(before), this.#side(after)] as const;
    const isApart = sides[0].group !== sides[1].group;
    const full = `${key} ${isApart}`;
    if (this.#found.has(full)) return;
    const [a, b] = [this.#barriers(before), this.#barriers(after)];
    this.#found.set(full, { sides, place, hasOtherBarrier: !isApart && a !== b });
  }

  #side(record: number): ConflictSide {
    const { words, invocations } = this.#lists;
    const list = this.#listOf(record);
    return {
      site: words[record * RECORD_WORDS + 1] - FIRST_SITE,
      invocation: list % invocations,
      group: Math.floor(list / invocations),
    };
  }

  /** The barriers of any kind before a record in its list. */
  #barriers(record: number): number {
    const { words, length } = this.#lists;
    let count = 0;
    for (let i = HEAD_RECORDS + this.#listOf(record) * length; i < record; i++) {
      const what = words[i * RECORD_WORDS + 1];
      if (what === WORKGROUP_BARRIER || what === STORAGE_BARRIER) count++;
    }
    return count;
  }
}

/** Numbers the places of variables from 0, without the gaps between buffers. */
function denseNumbers(variables: readonly SharedVariable[]): (place: number) => number {
  let sum = 0;
  const moved = variables.map(({ first, places }) => {
    const by = first - sum;
    sum += places;
    return { first, by };
  });
  return (place) => {
    let i = moved.length - 1;
    while (moved[i].first > place) i--;
    return place - moved[i].by;
  };
}

// The numbers that the host of a shader sets: uniforms, overrides, lengths and the grid. Each is given,
// computed from others, or assumed; assumptions are listed. Pure.
import { MOST_WORKGROUPS } from "../../engine/kernel.ts";
import { InputError } from "../../tensor/error.ts";
import {
  mentions,
  reachedText,
  type BufferText,
  type Declarations,
  type EntryText,
} from "./declarations.ts";
import { evaluate } from "./expression.ts";
import { layoutOf, type Layout, type Leaf } from "./layout.ts";
import type { Amount, ShaderSettings } from "./settings.ts";

// Whole numbers whose names say that they are no lengths.
const NOT_LENGTHS = /offset|start|begin|base|seed|mode|flag|axis|index|stride|step/i;
const ONE_LENGTH = 2 ** 20;
const SEVERAL_LENGTHS = 512;
const SAMPLE = 1.5;

/** A number that the host writes in front of a buffer's array. */
interface HostNumber {
  readonly full: string;
  readonly short: string;
  readonly buffer: string;
  readonly leaf: Leaf;
}

/** A buffer as far as the grid depends on it. */
interface CountedElements {
  readonly space: BufferText["space"];
  readonly count: number;
}

/** The names of a shader's numbers, and their values: given, computed or assumed. */
export class HostNumbers {
  readonly assumed: string[] = [];
  threads: readonly number[] | null = null;
  /** The text that the entry point runs. */
  readonly text: string;
  readonly buffers: readonly { readonly text: BufferText; readonly layout: Layout }[];
  readonly workgroup: readonly [number, number, number];
  readonly #file: string;
  readonly #declarations: Declarations;
  readonly #settings: ShaderSettings;
  readonly #entry: EntryText;
  readonly #values = new Map<string, number>();
  readonly #given = new Map<string, Amount | boolean>();
  readonly #open = new Set<string>();
  readonly #host: readonly HostNumber[];
  /** Buffers of other entry points: settings may speak of them, with no effect here. */
  readonly #others: readonly BufferText[];

  constructor(
    file: string,
    declarations: Declarations,
    settings: ShaderSettings,
    entry: EntryText,
  ) {
    this.#file = file;
    this.#declarations = declarations;
    this.#settings = settings;
    this.#entry = entry;
    this.#takeOverrides();
    const names = {
      structs: declarations.structs,
      aliases: declarations.aliases,
      values: (name: string) => this.#find(name),
    };
    this.text = reachedText(declarations.functions, entry.name);
    const laid = (text: BufferText): { readonly text: BufferText; readonly layout: Layout } => {
      return { text, layout: layoutOf(text.type, names, `${file}: ${text.name}`) };
    };
    // Entry points of one file may use the same place for different buffers.
    const isUsed = ({ name }: BufferText): boolean => mentions(this.text, name);
    this.buffers = declarations.buffers.filter(isUsed).map(laid);
    this.#host = hostNumbers(this.buffers);
    this.#others = declarations.buffers.filter((one) => !isUsed(one));
    this.#takeValues();
    this.#refuseStrangers();
    this.#assume();
    this.workgroup = this.#workgroup();
  }

  /** The names of numbers that look like lengths. */
  lengths(): string[] {
    return this.#sizes().map(({ name }) => name);
  }

  /** Adds a computed number. */
  know(name: string, value: number): void {
    this.#values.set(name, value);
  }

  /** The value of a number or expression of the settings. */
  amount(amount: Amount, where: string): number {
    if (typeof amount === "number") return amount;
    return evaluate(
      amount,
      (name) => {
        const value = this.#find(name);
        if (value !== undefined) return value;
        const known = this.#names().join(", ");
        const hint = known === "" ? "" : `; known are ${known}`;
        throw new InputError(`${where}: ${JSON.stringify(amount)}: ${name} has no value${hint}`);
      },
      where,
    );
  }

  /** The names that expressions may contain. */
  #names(): string[] {
    return [
      ...this.#host.map(({ short }) => short),
      ...this.#declarations.overrides.map(({ name }) => name),
      ...this.buffers
        .filter(({ layout }) => layout.array !== null)
        .map(({ text }) => `${text.name}.length`),
    ];
  }

  /** Every number that a person may name. */
  all(): Record<string, number> {
    const names = [
      ...this.#host.flatMap(({ full, short }) => [full, short]),
      ...this.#declarations.overrides.map(({ name }) => name),
      ...this.buffers.map(({ text }) => `${text.name}.length`),
    ];
    const entries = names.flatMap((name) => {
      const value = this.#find(name);
      return value === undefined ? [] : [[name, value] as const];
    });
    return Object.fromEntries(entries);
  }

  /** The overrides that a pipeline must set, because their values differ from the text's. */
  constants(): Record<string, number> {
    const set = this.#declarations.overrides.filter(({ name }) => this.#given.has(name));
    return Object.fromEntries(set.map(({ name, key }) => [key, this.#find(name)!]));
  }

  /** The axes of a buffer's array; assumed if its length is open. */
  shapeOf(text: BufferText, { array }: Layout): { readonly axes: readonly number[] } {
    const given = this.#settings.buffers?.[text.name]?.shape;
    const where = `${this.#file}: buffers.${text.name}.shape`;
    if (given !== undefined) {
      const axes = given.map((amount) => whole(this.amount(amount, where), where));
      const fixed = array?.count ?? null;
      if (array === null || (fixed !== null && fixed !== product(axes))) {
        const has = array === null ? "no array" : `an array of ${fixed} elements`;
        throw new InputError(`${where}: ${text.name} has ${has} in the text`);
      }
      return { axes };
    }
    if (array === null) return { axes: [] };
    if (array.count !== null) return { axes: [array.count] };
    const length = this.#usualLength();
    this.assumed.push(`${text.name}.length = ${length}`);
    return { axes: [length] };
  }

  /** The workgroups to dispatch. */
  grid(buffers: readonly CountedElements[]): readonly [number, number, number] {
    const { grid, threads } = this.#settings;
    const where = `${this.#file}: ${grid === undefined ? "threads" : "grid"}`;
    const three = (list: readonly number[]): [number, number, number] => {
      return [list[0], list[1] ?? 1, list[2] ?? 1];
    };
    const checked = (list: readonly [number, number, number]): typeof list => {
      if (!list.some((n) => n > MOST_WORKGROUPS)) return list;
      throw new InputError(
        `${this.#file}: a grid of ${list.join(" x ")} workgroups, at most ${MOST_WORKGROUPS} along an axis; give --grid X,Y,Z or shorter buffers`,
      );
    };
    const amounts = (grid ?? threads)?.map((one) =>
      whole(Math.ceil(this.amount(one, where)), where),
    );
    if (grid !== undefined) return checked(three(amounts!));
    const invocations = amounts ?? this.#usualThreads(buffers);
    this.threads = invocations;
    const found = three(invocations).map((n, axis) => Math.ceil(n / this.workgroup[axis]));
    return checked(three(found));
  }

  /** The case as rows of a profile name it: the numbers that decide its size. */
  name(lengths: ReadonlyMap<string, { readonly axes: readonly number[] }>): string {
    const sizes = this.#sizes().map(({ name }) => `${name}=${this.#find(name)}`);
    const open = this.buffers.filter(({ layout }) => layout.array?.count === null);
    const shapes = open.map(
      ({ text }) => `${text.name}[${lengths.get(text.name)!.axes.join("x")}]`,
    );
    const set = Object.keys(this.#settings.overrides ?? {}).map((name) => {
      return `${name}=${this.#find(name)}`;
    });
    const own = new Set([...(sizes.length > 0 ? sizes : shapes), ...set]);
    return own.size === 0 ? this.#entry.name : [...own].join(" ");
  }

  #takeOverrides(): void {
    const { overrides } = this.#declarations;
    for (const [name, value] of Object.entries(this.#settings.overrides ?? {})) {
      if (!overrides.some((one) => one.name === name)) {
        throw this.#stranger(
          "override",
          name,
          overrides.map((one) => one.name),
        );
      }
      this.#given.set(name, value);
    }
  }

  #takeValues(): void {
    for (const [name, value] of Object.entries(this.#settings.values ?? {})) {
      const own = this.#host.filter(({ full, short }) =>
        [full, short].some((one) => one === name || one.startsWith(`${name}.`)),
      );
      const list = Array.isArray(value) ? (value as readonly Amount[]) : [value as Amount];
      if (own.length === 0) {
        // One list of numbers, whatever kind they are, keeps the command line short.
        if (list.length === 1 && this.#declarations.overrides.some((one) => one.name === name)) {
          this.#given.set(name, list[0]);
          continue;
        }
        if (this.#isOfOthers(name)) continue;
        throw this.#stranger("number", name, [
          ...this.#host.map(({ short }) => short),
          ...this.#declarations.overrides.map((one) => one.name),
        ]);
      }
      if (list.length !== 1 && list.length !== own.length) {
        throw new InputError(
          `${this.#file}: ${name} has ${own.length} numbers, was given ${list.length}`,
        );
      }
      own.forEach(({ full }, i) => this.#given.set(full, list[list.length === 1 ? 0 : i]));
    }
  }

  /** Whether a name is that of a number in a buffer of another entry point. */
  #isOfOthers(name: string): boolean {
    const { structs } = this.#declarations;
    const [first, ...rest] = name.split(".");
    return this.#others.some(({ name: own, type }) => {
      const member = own === first ? rest[0] : first;
      const members = structs.get(type)?.members ?? [];
      return own === name || members.some((one) => one.name === member);
    });
  }

  #refuseStrangers(): void {
    const names = this.#declarations.buffers.map(({ name }) => name);
    const stranger = Object.keys(this.#settings.buffers ?? {}).find(
      (name) => !names.includes(name),
    );
    if (stranger !== undefined) throw this.#stranger("buffer", stranger, names);
  }

  #stranger(what: string, name: string, there: readonly string[]): InputError {
    const list = there.length === 0 ? "it has none" : `it has ${[...new Set(there)].join(", ")}`;
    return new InputError(`${this.#file}: no ${what} ${name}; ${list}`);
  }

  /** The value of a name; undefined if it has none. */
  #find(name: string): number | undefined {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const number = this.#host?.find(({ full, short }) => full === name || short === name);
    const key = number?.full ?? name;
    if (this.#values.has(key)) return this.#values.get(key);
    if (this.#open.has(key)) {
      throw new InputError(`${this.#file}: ${name} depends on itself`);
    }
    this.#open.add(key);
    const value = this.#compute(key);
    this.#open.delete(key);
    if (value !== undefined) this.#values.set(key, value);
    return value;
  }

  #compute(name: string): number | undefined {
    const given = this.#given.get(name);
    const where = `${this.#file}: ${name}`;
    if (given !== undefined)
      return typeof given === "boolean" ? Number(given) : this.amount(given, where);
    const override = this.#declarations.overrides.find((one) => one.name === name);
    const text = override?.value ?? this.#declarations.constants.get(name);
    if (text === undefined) return undefined;
    if (text === "true" || text === "false") return Number(text === "true");
    try {
      return evaluate(text, (one) => this.#find(one), where, { wgsl: true });
    } catch {
      return undefined; // a constant of another kind, such as an array
    }
  }

  /** Numbers that look like lengths: whole numbers of the host, overrides without a default. */
  #sizes(): { readonly name: string; readonly full: string }[] {
    const isLength = (name: string, type: string): boolean =>
      (type === "u32" || type === "i32") && !NOT_LENGTHS.test(name);
    const ofBuffers = this.#host
      .filter(({ short, leaf, buffer }) => isLength(short, leaf.type) && this.#isSet(buffer))
      .map(({ short, full }) => ({ name: short, full }));
    const required = this.#declarations.overrides
      .filter(({ name, type, value }) => value === null && isLength(name, type))
      .map(({ name }) => ({ name, full: name }));
    return [...ofBuffers, ...required];
  }

  /** Whether the host decides the numbers of a buffer: not those that the shader changes. */
  #isSet(buffer: string): boolean {
    return this.buffers.find(({ text }) => text.name === buffer)?.text.space !== "read_write";
  }

  /** Gives a value to every number that has none. */
  #assume(): void {
    const sizes = this.#sizes();
    const open = sizes.filter(({ full }) => this.#find(full) === undefined);
    const given = Object.entries(this.#settings.buffers ?? {}).flatMap(([name, { shape }]) => {
      if (shape === undefined) return [];
      const where = `${this.#file}: buffers.${name}.shape`;
      try {
        return [product(shape.map((amount) => this.amount(amount, where)))];
      } catch {
        return []; // it depends on what is assumed here
      }
    });
    const longest = Math.max(0, ...given);
    const alone = longest > 0 ? longest : ONE_LENGTH;
    const several = longest > 0 ? Math.floor(Math.sqrt(longest)) : SEVERAL_LENGTHS;
    for (const { full, name } of open)
      this.#guess(full, name, sizes.length === 1 ? alone : several);
    for (const { full, short, leaf, buffer } of this.#host) {
      if (this.#find(full) !== undefined) continue;
      if (!this.#isSet(buffer)) this.#values.set(full, 0);
      else if (leaf.type === "f32" || leaf.type === "f16") this.#guess(full, short, SAMPLE);
      else this.#guess(full, short, /stride|step/i.test(short) ? 1 : 0);
    }
    for (const { name, value, type } of this.#declarations.overrides) {
      if (value !== null || this.#find(name) !== undefined) continue;
      this.#given.set(name, type === "f32" || type === "f16" ? SAMPLE : 1);
      this.assumed.push(`${name} = ${this.#find(name)}`);
    }
  }

  #guess(full: string, name: string, value: number): void {
    if (this.#declarations.overrides.some((one) => one.name === full)) this.#given.set(full, value);
    else this.#values.set(full, value);
    this.assumed.push(`${name} = ${value}`);
  }

  /** The length of a buffer of which nothing is said: the product of the two largest lengths. */
  #usualLength(): number {
    const sizes = this.#sizes().map(({ full }) => this.#find(full) ?? 1);
    const [first = ONE_LENGTH, second = 1] = sizes.toSorted((a, b) => b - a);
    return Math.max(1, Math.trunc(first * second));
  }

  #usualThreads(buffers: readonly CountedElements[]): readonly number[] {
    const changed = buffers.filter(({ space }) => space === "read_write");
    const longest = Math.max(
      1,
      ...(changed.length > 0 ? changed : buffers).map(({ count }) => count),
    );
    const side = Math.ceil(Math.sqrt(longest));
    const [rows = side, columns = side] = this.#sizes().map(({ full }) => this.#find(full)!);
    const threads =
      this.#entry.axes === 1
        ? [longest]
        : this.#entry.axes === 2
          ? [columns, rows]
          : [columns, rows, 1];
    this.assumed.push(`threads = ${threads.join(" x ")}`);
    return threads;
  }

  #workgroup(): readonly [number, number, number] {
    const where = `${this.#file}: @workgroup_size of ${this.#entry.name}`;
    const size = this.#entry.workgroup.map((text) =>
      whole(
        evaluate(text, (name) => this.#find(name), where, { wgsl: true }),
        where,
      ),
    );
    return [size[0] ?? 1, size[1] ?? 1, size[2] ?? 1];
  }
}

function hostNumbers(
  buffers: readonly { readonly text: BufferText; readonly layout: Layout }[],
): HostNumber[] {
  const all = buffers.flatMap(({ text, layout }) =>
    layout.leaves.map((leaf) => ({
      full: fullName(text.name, leaf),
      path: leaf.path === "" ? text.name : leaf.path,
      buffer: text.name,
      leaf,
    })),
  );
  // A path that two buffers have is named in full.
  return all.map(({ path, ...one }) => {
    const isUnique = all.filter((other) => other.path === path).length === 1;
    return { ...one, short: isUnique ? path : one.full };
  });
}

/** The name of a number with that of its buffer. */
export function fullName(buffer: string, { path }: Leaf): string {
  return path === "" ? buffer : `${buffer}.${path}`;
}

function whole(value: number, where: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`${where}: is ${value}, expected a whole number`);
}

/** The product of some lengths. */
export function product(values: readonly number[]): number {
  return values.reduce((all, value) => all * value, 1);
}

// One shader from anywhere as a problem: every buffer with its length and access, every number that
// the host sets, the grid and the work. The program assumes what neither text nor settings say, and lists it.
// Pure.
import { InputError } from "../../tensor/error.ts";
import type { Shape } from "../../tensor/shape.ts";
import {
  isRead,
  readDeclarations,
  type BufferText,
  type Declarations,
  type EntryText,
} from "./declarations.ts";
import { fullName, HostNumbers, product } from "./host_numbers.ts";
import type { Layout, Scalar } from "./layout.ts";
import type { Amount, BufferData, BufferSettings, ShaderSettings } from "./settings.ts";

/** A buffer with everything needed to create and fill it. */
export interface OutsideBuffer {
  readonly name: string;
  readonly group: number;
  readonly binding: number;
  readonly space: BufferText["space"];
  /** How it is filled before a run, and whether its content is compared after it. */
  readonly access: "input" | "output" | "inout" | "scratch";
  readonly layout: Layout;
  /** Elements of its array. */
  readonly count: number;
  /** The axes of its array, with those of an element behind them. */
  readonly shape: Shape;
  readonly size_bytes: number;
  /** The single numbers in front of the array. */
  readonly head: readonly number[];
  readonly data: BufferData;
}

/** A shader that can be run. */
export interface OutsideProblem {
  readonly file: string;
  readonly code: string;
  readonly declarations: Declarations;
  readonly entry: string;
  readonly workgroup: readonly [number, number, number];
  readonly grid: readonly [number, number, number];
  /** The text that the entry point runs, without comments. */
  readonly reached: string;
  /** Values of overrides, by the keys of a pipeline. */
  readonly constants: Readonly<Record<string, number>>;
  readonly buffers: readonly OutsideBuffer[];
  /** Every number by name: values, overrides and `NAME.length`. */
  readonly numbers: Readonly<Record<string, number>>;
  /** The numbers among them that look like lengths. */
  readonly lengths: readonly string[];
  /** Invocations along x, y, z, if the grid follows from them. */
  readonly threads: readonly number[] | null;
  /** Null if it was not given. */
  readonly flops: number | null;
  readonly bytes: number | null;
  readonly name: string;
  /** The assumptions, one line each. */
  readonly assumed: readonly string[];
  readonly settings: ShaderSettings;
}

/**
 * Resolves a shader with its settings. Throws InputError naming the file and what to give, for
 * settings that the text does not have and for numbers that cannot be computed.
 */
export function resolveProblem(
  file: string,
  code: string,
  settings: ShaderSettings,
): OutsideProblem {
  const declarations = readDeclarations(file, code);
  const entry = chosenEntry(file, declarations, settings.entry);
  const host = new HostNumbers(file, declarations, settings, entry);
  const { assumed } = host;
  const lengths = new Map(
    host.buffers.map(({ text, layout }) => [text.name, host.shapeOf(text, layout)]),
  );
  for (const { text, layout } of host.buffers) {
    // A struct without an array may have a member of this name.
    if (layout.array === null) continue;
    host.know(`${text.name}.length`, product(lengths.get(text.name)!.axes));
  }
  const numbers = host.all();
  const amountOf = (amount: Amount, where: string): number =>
    host.amount(amount, `${file}: ${where}`);
  const buffers = host.buffers.map(({ text, layout }): OutsideBuffer => {
    const { axes } = lengths.get(text.name)!;
    const own = settings.buffers?.[text.name] ?? {};
    const count = layout.array === null ? 0 : product(axes);
    const leaves = layout.array?.leaves.length ?? layout.leaves.length;
    const shape = layout.array === null ? [leaves] : leaves === 1 ? axes : [...axes, leaves];
    const end =
      layout.array === null ? layout.size : layout.array.offset + count * layout.array.stride;
    return {
      name: text.name,
      group: text.group,
      binding: text.binding,
      space: text.space,
      access: accessOf(host.text, text, own, file),
      layout,
      count,
      shape:
        layout.leaves.length > 0 && layout.array !== null
          ? [layout.leaves.length + leaves * count]
          : shape,
      size_bytes: Math.max(
        Math.ceil(end / 4) * 4,
        text.space === "uniform" ? roundUp(layout.size, 16) : 4,
      ),
      head: layout.leaves.map((leaf) => numbers[fullName(text.name, leaf)] ?? 0),
      data: own.data ?? "random",
    };
  });
  const grid = host.grid(buffers);
  const work = (key: "flops" | "bytes"): number | null => {
    const given = settings[key];
    return given === undefined || given === null ? null : amountOf(given, key);
  };
  return {
    file,
    code,
    declarations,
    entry: entry.name,
    workgroup: host.workgroup,
    grid,
    reached: host.text,
    constants: host.constants(),
    buffers,
    numbers,
    lengths: host.lengths(),
    threads: host.threads,
    flops: work("flops"),
    bytes: work("bytes"),
    name: host.name(lengths),
    assumed,
    settings,
  };
}

function chosenEntry(
  file: string,
  { entries }: Declarations,
  wanted: string | undefined,
): EntryText {
  const names = entries.map(({ name }) => name).join(", ");
  if (wanted === undefined) {
    if (entries.length === 1) return entries[0];
    throw new InputError(`${file}: several entry points: choose one with --entry: ${names}`);
  }
  const found = entries.find(({ name }) => name === wanted);
  if (found === undefined)
    throw new InputError(`${file}: no entry point ${wanted}; it has ${names}`);
  return found;
}

function accessOf(
  reached: string,
  { name, space }: BufferText,
  { access }: BufferSettings,
  file: string,
): OutsideBuffer["access"] {
  if (space !== "read_write") {
    if (access === undefined) return "input";
    throw new InputError(`${file}: ${name} is read-only: it has no access ${access}`);
  }
  return access ?? (isRead(reached, name) ? "inout" : "output");
}

function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

/** The types of a buffer's numbers. */
export function scalarsOf({ layout }: Pick<OutsideBuffer, "layout">): ReadonlySet<Scalar> {
  return new Set([...layout.leaves, ...(layout.array?.leaves ?? [])].map(({ type }) => type));
}

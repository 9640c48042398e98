// `--shape NAME=AxBx…` and `--axis L=from:to:*step` or `L=a,b,c`: parses them into changes of
// shapes.
import type { AxisLengths } from "../../profile/kernel/reshape.ts";
import { InputError } from "../../tensor/error.ts";
import type { Shape } from "../../tensor/shape.ts";

// More lengths of one axis are a typing error.
const MOST_LENGTHS = 64;

/** Adds a `--shape` to the earlier ones; throws InputError if it is not NAME=AxBx…. */
export function shapeOption(
  text: string,
  before: Readonly<Record<string, Shape>> = {},
): Readonly<Record<string, Shape>> {
  const [, name, lengths] = /^(\w+)=(\d+(?:x\d+)*)$/.exec(text) ?? [];
  const shape = lengths?.split("x").map(Number);
  if (shape === undefined || !shape.every(Number.isSafeInteger)) {
    throw new InputError(`--shape ${text}: expected NAME=AxBx…, such as logits=6x48x80x64`);
  }
  if (before[name] !== undefined) throw new InputError(`--shape ${name}: given twice`);
  return { ...before, [name]: shape };
}

/** Adds an `--axis` to the earlier ones; throws InputError if it has no lengths. */
export function axisOption(text: string, before: readonly AxisLengths[] = []): AxisLengths[] {
  const [, letter, values] = /^([A-Za-z]\w*)=(.+)$/.exec(text) ?? [];
  const lengths = values === undefined ? null : (rangeOf(values) ?? listOf(values));
  if (lengths === null || lengths.length === 0) {
    throw new InputError(`--axis ${text}: expected L=from:to:*step, L=from:to:+step or L=a,b,c`);
  }
  if (before.some((axis) => axis.letter === letter)) {
    throw new InputError(`--axis ${letter}: given twice`);
  }
  if (lengths.length > MOST_LENGTHS) {
    throw new InputError(`--axis ${text}: more than ${MOST_LENGTHS} lengths`);
  }
  return [...before, { letter, lengths }];
}

/** `16:256:*2` or `16:64:+16`; null if it is not a range, empty if it never ends. */
function rangeOf(text: string): number[] | null {
  const match = /^(\d+):(\d+):([*+])(\d+)$/.exec(text);
  if (match === null) return null;
  const [from, to, step] = [match[1], match[2], match[4]].map(Number);
  const next = (at: number): number => (match[3] === "*" ? at * step : at + step);
  if (next(from) <= from) return [];
  const lengths: number[] = [];
  for (let at = from; at <= to && lengths.length <= MOST_LENGTHS; at = next(at)) lengths.push(at);
  return lengths;
}

function listOf(text: string): number[] | null {
  return /^\d+(,\d+)*$/.test(text) ? [...new Set(text.split(",").map(Number))] : null;
}

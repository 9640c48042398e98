// The expected result of a shader from anywhere: from a JavaScript module that computes it, or from
// .npy files.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readBytes } from "../../formats/atomic_file.ts";
import { readNpy } from "../../formats/npy.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape } from "../../tensor/shape.ts";
import { countOf, type Numbers } from "./numbers.ts";
import type { OutsideProblem } from "./problem.ts";

/** The numbers of each output after a run. */
export type Expected = Readonly<Record<string, Float64Array>>;

/** A module's function: buffers before the run and numbers by name in, changed buffers out. */
type Reference = (
  buffers: Readonly<Record<string, Numbers>>,
  numbers: Readonly<Record<string, number>>,
) => unknown;

/**
 * The expected results; null if no reference is given. Throws InputError naming the module or file
 * and the buffer that it does not have.
 */
export async function expectedOf(
  problem: OutsideProblem,
  start: Readonly<Record<string, Numbers>>,
): Promise<Expected | null> {
  const { reference } = problem.settings;
  if (reference === undefined) return null;
  const outputs = problem.buffers.filter(({ access }) => access === "output" || access === "inout");
  const names = outputs.map(({ name }) => name);
  const found =
    typeof reference === "string"
      ? await computed(reference, problem, start)
      : await filesOf(reference, names);
  const where = typeof reference === "string" ? reference : "reference";
  const stray = Object.keys(found).find((name) => !names.includes(name));
  if (stray !== undefined) {
    throw new InputError(`${where}: ${stray} is no output; the outputs are ${names.join(", ")}`);
  }
  return Object.fromEntries(
    outputs.map((buffer) => {
      const values = found[buffer.name];
      const count = countOf(buffer);
      if (values === undefined)
        throw new InputError(`${where}: nothing expected for ${buffer.name}`);
      if (values.length !== count) {
        throw new InputError(
          `${where}: ${values.length} numbers for ${buffer.name}, which has ${count}`,
        );
      }
      return [buffer.name, values] as const;
    }),
  );
}

async function computed(
  path: string,
  problem: OutsideProblem,
  start: Readonly<Record<string, Numbers>>,
): Promise<Record<string, Float64Array>> {
  if (!/\.[cm]?js$/.test(path)) {
    throw new InputError(`--reference ${path}: expected a module FILE.js or NAME=FILE.npy`);
  }
  if (!existsSync(path)) throw new InputError(`--reference ${path}: no such file`);
  // A saved change is a new module.
  const url = `${pathToFileURL(resolve(path)).href}?${statSync(path).mtimeMs}`;
  let result: unknown;
  try {
    const module = (await import(url)) as { readonly default?: unknown };
    if (typeof module.default !== "function") {
      throw new InputError(
        `${path}: expected "export default (buffers, numbers) => ({ NAME: values })"`,
      );
    }
    // The module may change what it is given.
    const own = Object.entries(start).map(([name, numbers]) => [name, numbers.slice()] as const);
    result = await (module.default as Reference)(Object.fromEntries(own), problem.numbers);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: ${(error as Error).message}`);
  }
  if (typeof result !== "object" || result === null) {
    throw new InputError(`${path}: returned ${String(result)}, expected { NAME: values }`);
  }
  return Object.fromEntries(
    Object.entries(result).map(([name, values]) => {
      const isList = Array.isArray(values) || ArrayBuffer.isView(values);
      if (!isList) throw new InputError(`${path}: ${name} is no array of numbers`);
      return [name, Float64Array.from(values as ArrayLike<number>)] as const;
    }),
  );
}

async function filesOf(
  files: Readonly<Record<string, string>>,
  outputs: readonly string[],
): Promise<Record<string, Float64Array>> {
  const found: Record<string, Float64Array> = {};
  for (const [name, file] of Object.entries(files)) {
    if (!outputs.includes(name)) {
      throw new InputError(
        `--reference ${name}=${file}: no output ${name}; the outputs are ${outputs.join(", ")}`,
      );
    }
    found[name] = (await npyNumbers(file)).values;
  }
  return found;
}

/** The shape and numbers of an .npy file; throws InputError if it is missing or damaged. */
export async function npyNumbers(
  file: string,
): Promise<{ readonly shape: readonly number[]; readonly values: Float64Array }> {
  if (!existsSync(file)) throw new InputError(`${file}: no such file`);
  const { shape, data } = readNpy(await readBytes(file), file);
  const values = Float64Array.from(data, Number);
  if (values.some(Number.isNaN) && shape.length === 0)
    throw new InputError(`${file}${formatShape(shape)}`);
  return { shape, values };
}

// `--data` and `--seed`: the numbers that problems are timed on.
import { existsSync } from "node:fs";
import { readBytes } from "../../formats/atomic_file.ts";
import { readNpy } from "../../formats/npy.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../../tensor/shape.ts";

/** The requested numbers. */
export interface DataChoice {
  /** `random`, `zeros` or a `.npy` file for the first input. */
  readonly data?: string;
  readonly seed?: number;
}

/** The tensor of a file. */
export interface FileData {
  readonly file: string;
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** The warning for timing kernels on zeros. */
export const ZEROS_WARNING =
  "--data zeros: hardware draws less power and software takes shortcuts on zeros, so times may be too short";

/** Refuses an invalid value of `--data`. */
export function dataOption(text: string): string {
  if (text === "random" || text === "zeros" || text.endsWith(".npy")) return text;
  throw new InputError(`--data ${text}: expected random, zeros or FILE.npy`);
}

/** Reads the file of `--data`; null if it names none. Throws InputError for a damaged file. */
export async function readData({
  data = "random",
}: Pick<DataChoice, "data">): Promise<FileData | null> {
  if (!data.endsWith(".npy")) return null;
  if (!existsSync(data)) throw new InputError(`--data ${data}: no such file`);
  const bytes = await readBytes(data);
  const { shape, data: values } = readNpy(bytes, data);
  return { file: data, shape, values: Float32Array.from(values, Number) };
}

/**
 * The problem with the requested numbers; throws InputError if a file does not have the shape of
 * the first input.
 */
export function withData(
  kernel: AnyKernel,
  problem: Problem,
  { data = "random", seed }: DataChoice,
  file: FileData | null,
): Problem {
  const seeded = seed === undefined ? problem : { ...problem, seed };
  if (data === "zeros") return { ...seeded, name: `${problem.name}, zeros`, zeros: true };
  if (file === null) return seeded;
  const first = kernel.shader.bindings.find(({ access }) => access !== "write")!.name;
  const shape = problem.shapes[first];
  if (!sameShape(shape, file.shape)) {
    throw new InputError(
      `${file.file} is ${formatShape(file.shape)}, but ${first} of ${kernel.shader.name}, ${problem.name}, is ${formatShape(shape)}; --shape or --case may help`,
    );
  }
  const given = { kind: "given", values: file.values } as const;
  return {
    ...seeded,
    name: `${problem.name}, ${first} of ${file.file}`,
    data: { ...problem.data, [first]: given },
  };
}

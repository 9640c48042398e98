// A shader from anywhere with its buffers on the GPU: for times each buffer is bound at exactly its
// length, for checks with margins on both sides, which show every access outside of it.
import {
  ALIGNMENT_BYTES,
  allReady,
  createBuffer,
  createEach,
  STORAGE_USAGE,
  UNIFORM_USAGE,
  type CountedBuffer,
} from "../../gpu/buffers.ts";
import type { Gpu } from "../../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../../gpu/encode.ts";
import { pipelineFor, type PipelineSource } from "../../gpu/pipelines.ts";
import { readFloats } from "../../gpu/read_back.ts";
import { InputError } from "../../tensor/error.ts";
import { pack, type Numbers } from "./numbers.ts";
import { scalarsOf, type OutsideBuffer, type OutsideProblem } from "./problem.ts";

/** The content of buffers before a run, by name; empty for outputs. */
export type StartNumbers = Readonly<Record<string, Numbers>>;

// Behind a buffer. In a device that clamps indices, any access past the end reaches its last word.
const BEHIND_BYTES = 16_384;

/** The words that margins and outputs hold in a run. */
export interface Fill {
  readonly real: number;
  readonly half: number;
  readonly whole: number;
}

/** For a first run: numbers that no kernel returns by chance. */
export const UNWRITTEN_FILL: Fill = fillOf(-999, 0xe3ce, 32_749);
/** For a second run: NaN, and another whole number. */
export const NAN_FILL: Fill = fillOf(NaN, 0x7e00, 16_381);

function fillOf(real: number, half: number, whole: number): Fill {
  const [bits] = new Uint32Array(Float32Array.of(real).buffer);
  return { real: bits, half: half | (half << 16), whole };
}

/** The word of a fill in a buffer. */
export function fillWord(buffer: OutsideBuffer, { real, half, whole }: Fill): number {
  const types = scalarsOf(buffer);
  if (types.has("f32")) return real;
  return types.has("f16") ? half >>> 0 : whole;
}

/** The pipeline of a problem; `code` in place of its text. */
export function pipelineSource(
  { file, entry, buffers, constants, code: own }: OutsideProblem,
  code: string = own,
): PipelineSource {
  return {
    name: entry,
    file,
    code,
    constants,
    layout: buffers.map(({ space }) =>
      space === "uniform" ? "uniform" : space === "read" ? "read-only-storage" : "storage",
    ),
    places: buffers.map(({ group, binding }) => ({ group, binding })),
  };
}

/** A dispatch with its buffers. */
export interface BoundShader {
  readonly dispatch: PreparedDispatch;
  readonly destroy: () => void;
}

/** Buffers that can be filled and read between runs. */
export interface Made {
  readonly buffer: OutsideBuffer;
  readonly gpuBuffer: GPUBuffer;
  readonly before_bytes: number;
  readonly all_bytes: number;
}

/** Prepares the dispatch that is timed. */
export async function bindShader(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
): Promise<BoundShader> {
  const { dispatch, made, destroy } = await bind(gpu, problem, problem.code, () => null);
  for (const { buffer, gpuBuffer, all_bytes } of made) {
    const bytes = new Uint8Array(all_bytes);
    const numbers = start[buffer.name];
    if (numbers !== undefined) pack(buffer, numbers, bytes);
    gpu.device.queue.writeBuffer(gpuBuffer, 0, bytes);
  }
  return { dispatch, destroy };
}

/** The bytes of each changed buffer after a run, and the first fault that its margins show. */
export interface GuardedRun {
  readonly bytes: Readonly<Record<string, Uint8Array>>;
  readonly fault: string;
}

/** Runs a shader between margins. */
export interface GuardedShader {
  /** Margins of inputs hold `margins`; outputs and the margins of changed buffers `outputs`. */
  readonly run: (outputs: Fill, margins: Fill) => Promise<GuardedRun>;
  readonly destroy: () => void;
}

/**
 * Prepares a shader for its check. `arrayLength` of a buffer becomes the number of its elements, so
 * that the margin behind it can be bound too; where the text takes the length of a pointer, the
 * buffers are bound without it.
 */
export async function guardShader(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
): Promise<GuardedShader> {
  const { code, isWhole } = withLengths(problem);
  const marginOf = (buffer: OutsideBuffer): number | null => {
    if (buffer.space === "uniform") return null;
    const open = buffer.layout.array?.count === null;
    return open && isWhole ? marginBehind(gpu, buffer) : 0;
  };
  const { dispatch, made, destroy } = await bind(gpu, problem, code, marginOf);
  const filled = (one: Made, outputs: Fill, margins: Fill): Uint8Array<ArrayBuffer> => {
    const { buffer, before_bytes, all_bytes } = one;
    const words = new Uint32Array(all_bytes / 4);
    const changes = buffer.space === "read_write";
    if (buffer.space !== "uniform") words.fill(fillWord(buffer, changes ? outputs : margins));
    const bytes = new Uint8Array(words.buffer);
    const numbers = start[buffer.name];
    if (numbers !== undefined) {
      const own = bytes.subarray(before_bytes, before_bytes + buffer.size_bytes);
      own.fill(0); // gaps
      pack(buffer, numbers, own);
    }
    return bytes;
  };
  return {
    destroy,
    run: async (outputs, margins) => {
      const before = new Map(made.map((one) => [one, filled(one, outputs, margins)]));
      for (const [{ gpuBuffer }, bytes] of before)
        gpu.device.queue.writeBuffer(gpuBuffer, 0, bytes);
      const encoder = gpu.device.createCommandEncoder({ label: problem.entry });
      encodePass(encoder, problem.entry, [dispatch]);
      gpu.device.queue.submit([encoder.finish()]);
      const bytes: Record<string, Uint8Array> = {};
      let fault = "";
      for (const one of made) {
        const { buffer, gpuBuffer, before_bytes, all_bytes } = one;
        if (buffer.space !== "read_write") continue;
        const floats = await readFloats(gpu, gpuBuffer, all_bytes / 4);
        const after = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
        if (fault === "") fault = marginFault(one, before.get(one)!, after);
        bytes[buffer.name] = after.subarray(before_bytes, before_bytes + buffer.size_bytes);
      }
      return { bytes, fault };
    },
  };
}

function marginFault(
  { buffer: { name, size_bytes }, before_bytes }: Made,
  before: Uint8Array,
  after: Uint8Array,
): string {
  const end = before_bytes + size_bytes;
  const isSame = (from: number, to: number): boolean =>
    Buffer.compare(before.subarray(from, to), after.subarray(from, to)) === 0;
  if (!isSame(end, after.length)) return `writes past the end of ${name}, or far outside of it`;
  return isSame(0, before_bytes) ? "" : `writes before the start of ${name}`;
}

/** Whole vectors of four behind a buffer, within the binding limit of the adapter. */
function marginBehind({ limits }: Gpu, { size_bytes }: OutsideBuffer): number {
  const most = Math.floor(limits.maxStorageBufferBindingSize / 16) * 16 - size_bytes;
  return Math.max(0, Math.min(BEHIND_BYTES + (roundUp(size_bytes, 16) - size_bytes), most));
}

const PLACE = String.raw`([\p{L}_][\p{L}\p{N}_]*)(?:\s*\.\s*[\p{L}_]\w*)?\s*`;
const LENGTH_OF = new RegExp(
  String.raw`\barrayLength\s*\(\s*&\s*(?:\(\s*${PLACE}\)|${PLACE})\s*\)`,
  "gu",
);

// A literal 0 as a factor: compilers drop the product, and with it what its other factor reads.
const TIMES_ZERO =
  /(?<![\w.])(0\.0*|\.0+|0)([fh]?)(?=\s*\*(?!=))|(?<=\*\s*)(0\.0*|\.0+|0)([fh]?)(?![\w.])/g;

/**
 * The text with lengths as numbers and with factors of 0 that no compiler knows, line by line like
 * the file; and whether no length is left.
 */
function withLengths({ code, buffers, reached }: OutsideProblem): {
  readonly code: string;
  readonly isWhole: boolean;
} {
  const open = buffers.find(({ layout, space }) => {
    return space !== "uniform" && layout.array?.count === null && layout.leaves.length === 0;
  });
  // Every array has an element, which compilers do not know.
  const zero = (suffix: string): string =>
    `${suffix === "h" ? "f16" : "f32"}(1u - min(arrayLength(&${open!.name}), 1u))`;
  const factors = (text: string): string =>
    open === undefined
      ? text
      : text.replace(TIMES_ZERO, (whole, a?: string, b = "", c?: string, d = "") => {
          const isReal = (a ?? c ?? "").includes(".") || b !== "" || d !== "";
          return isReal ? zero(a === undefined ? d : b) : whole;
        });
  const replace = (text: string): string =>
    text.replace(LENGTH_OF, (whole, inside?: string, plain?: string) => {
      const name = inside ?? plain;
      const count = buffers.find((buffer) => buffer.name === name)?.count;
      return count === undefined ? whole : `${count}u`;
    });
  return { code: factors(replace(code)), isWhole: !/\barrayLength\b/.test(replace(reached)) };
}

/** Creates the buffers; `marginOf` gives the bytes behind each, null for no margins at all. */
export async function bind(
  gpu: Gpu,
  problem: OutsideProblem,
  code: string,
  marginOf: (buffer: OutsideBuffer) => number | null,
): Promise<BoundShader & { readonly made: readonly Made[] }> {
  const { buffers, entry, grid, file } = problem;
  for (const { name, size_bytes, space } of buffers) {
    const { maxStorageBufferBindingSize: storage, maxUniformBufferBindingSize: uniform } =
      gpu.limits;
    const most = space === "uniform" ? uniform : storage;
    if (size_bytes <= most) continue;
    throw new InputError(
      `${file}: ${name} takes ${size_bytes} bytes; the adapter binds at most ${most}; give it another --shape`,
    );
  }
  const { pipeline, layout, more } = await pipelineFor(gpu, pipelineSource(problem, code));
  const planned = buffers.map((buffer) => {
    const behind = marginOf(buffer);
    const before_bytes = behind === null ? 0 : ALIGNMENT_BYTES;
    const bound_bytes = buffer.size_bytes + (behind ?? 0);
    // Where nothing is bound behind a buffer, a margin still shows what a driver lets through.
    const all_bytes = before_bytes + bound_bytes + (behind === 0 ? ALIGNMENT_BYTES : 0);
    return { buffer, before_bytes, bound_bytes, all_bytes: roundUp(all_bytes, 4) };
  });
  const counted: CountedBuffer[] = createEach(planned, ({ buffer, all_bytes }) =>
    createBuffer(
      gpu,
      `${entry} ${buffer.name}`,
      all_bytes,
      buffer.space === "uniform" ? UNIFORM_USAGE : STORAGE_USAGE,
    ),
  );
  const destroy = (): void => {
    for (const one of counted) one.destroy();
  };
  try {
    await allReady(gpu, counted);
  } catch (error) {
    destroy();
    throw error;
  }
  const groups = [layout, ...more].map((of, group) => {
    const entries = planned.flatMap(({ buffer, before_bytes, bound_bytes }, i) =>
      buffer.group === group
        ? [
            {
              binding: buffer.binding,
              resource: { buffer: counted[i].buffer, offset: before_bytes, size: bound_bytes },
            },
          ]
        : [],
    );
    return gpu.device.createBindGroup({ label: entry, layout: of, entries });
  });
  const [bindGroup, ...others] = groups;
  return {
    dispatch: { pipeline, bindGroup, grid, ...(others.length > 0 && { more: others }) },
    made: planned.map((one, i) => ({ ...one, gpuBuffer: counted[i].buffer })),
    destroy,
  };
}

function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

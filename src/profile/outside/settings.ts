// What the host must know about a shader from anywhere and its text does not say: numbers, lengths,
// grid, data, reference. Kept in a sidecar, FILE.json beside FILE.wgsl, and on the command line,
// which has priority.
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { readBytesIfThere } from "../../formats/atomic_file.ts";
import { parseJson } from "../../formats/json.ts";
import { LIMITS } from "../../formats/limits.ts";
import { InputError } from "../../tensor/error.ts";

/** A number, or an expression of other names such as `ceil(n / WG)`. */
export type Amount = number | string;

/** How a buffer is filled: random numbers, zeros, 0 1 2 3 and so on, an .npy file, or a range. */
export type BufferData = string | { readonly low: number; readonly high: number };

/** The settings of one buffer. */
export interface BufferSettings {
  /** Elements of its array, by axis. */
  readonly shape?: readonly Amount[] | undefined;
  readonly data?: BufferData | undefined;
  /**
   * For a read_write buffer: output (its content before the run does not matter), inout, or scratch
   * (nobody reads it afterwards).
   */
  readonly access?: "output" | "inout" | "scratch" | undefined;
}

/** The settings of a shader; everything left out is assumed, and the assumptions are printed. */
export interface ShaderSettings {
  readonly entry?: string | undefined;
  readonly overrides?: Readonly<Record<string, Amount | boolean>> | undefined;
  /** Numbers of uniforms and of small read-only buffers, by name or by `variable.member`. */
  readonly values?: Readonly<Record<string, Amount | readonly Amount[]>> | undefined;
  readonly buffers?: Readonly<Record<string, BufferSettings>> | undefined;
  /** Workgroups along x, y, z. */
  readonly grid?: readonly Amount[] | undefined;
  /** Invocations along x, y, z, from which the grid follows; in place of `grid`. */
  readonly threads?: readonly Amount[] | undefined;
  /** A JavaScript module, or an .npy file for each output. */
  readonly reference?: string | Readonly<Record<string, string>> | undefined;
  readonly tolerance?: { readonly rtol: number; readonly atol: number } | undefined;
  readonly flops?: Amount | null | undefined;
  readonly bytes?: Amount | null | undefined;
}

const amount = z.union([z.number(), z.string()]);
const axes = z.array(amount).min(1).max(3);
const schema: z.ZodType<ShaderSettings> = z.strictObject({
  entry: z.string().optional(),
  overrides: z.record(z.string(), z.union([amount, z.boolean()])).optional(),
  values: z.record(z.string(), z.union([amount, z.array(amount)])).optional(),
  buffers: z
    .record(
      z.string(),
      z.strictObject({
        shape: z.array(amount).min(1).optional(),
        data: z
          .union([
            z.enum(["random", "zeros", "index"]),
            z.string().regex(/\.npy$/, "expected random, zeros, index or FILE.npy"),
            z.strictObject({ low: z.number(), high: z.number() }),
          ])
          .optional(),
        access: z.enum(["output", "inout", "scratch"]).optional(),
      }),
    )
    .optional(),
  grid: axes.optional(),
  threads: axes.optional(),
  reference: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  tolerance: z
    .strictObject({ rtol: z.number().nonnegative(), atol: z.number().nonnegative() })
    .optional(),
  flops: amount.nullable().optional(),
  bytes: amount.nullable().optional(),
});

/** The name of the sidecar of a shader: `saxpy.json` for `saxpy.wgsl`. */
export function sidecarOf(file: string): string {
  return `${file.replace(/\.wgsl$/, "")}.json`;
}

/**
 * The settings in the sidecar of a shader, whose files are named from the folder of the command;
 * null if there is none. Throws InputError naming file and key.
 */
export async function readSidecar(file: string): Promise<ShaderSettings | null> {
  const sidecar = sidecarOf(file);
  const bytes = await readBytesIfThere(sidecar, LIMITS.json_bytes);
  if (bytes === null) return null;
  const parsed = schema.safeParse(parseJson(bytes, sidecar));
  if (!parsed.success) {
    const { path, message, code } = parsed.error.issues[0];
    const what = code === "invalid_union" ? "not a value that this key takes" : message;
    throw new InputError(`${sidecar}: ${path.length === 0 ? "" : `${path.join(".")}: `}${what}`);
  }
  return besideSidecar(parsed.data, sidecar);
}

/** The settings with the files that a sidecar names, which are in its folder or below. */
function besideSidecar(settings: ShaderSettings, sidecar: string): ShaderSettings {
  const beside = (key: string, name: string): string => {
    if (isAbsolute(name) || name.split(/[\\/]/).includes("..")) {
      throw new InputError(`${sidecar}: ${key}: name a file in the folder of ${sidecar} or below`);
    }
    return join(dirname(sidecar), name);
  };
  const { reference, buffers = {} } = settings;
  const moved =
    typeof reference === "object"
      ? Object.fromEntries(
          Object.entries(reference).map(([name, path]) => [
            name,
            beside(`reference.${name}`, path),
          ]),
        )
      : reference === undefined
        ? undefined
        : beside("reference", reference);
  const filled = Object.entries(buffers).map(([name, buffer]) => {
    const { data } = buffer;
    const isFile = typeof data === "string" && data.endsWith(".npy");
    return [name, isFile ? { ...buffer, data: beside(`buffers.${name}.data`, data) } : buffer];
  });
  return {
    ...settings,
    reference: moved,
    buffers: Object.fromEntries(filled) as NonNullable<ShaderSettings["buffers"]>,
  };
}

/** Settings with those of `over` in place of their own, name by name. */
export function mergeSettings(own: ShaderSettings, over: ShaderSettings): ShaderSettings {
  const given = Object.fromEntries(
    Object.entries(over).filter(([, value]) => value !== undefined),
  ) as ShaderSettings;
  const buffers = { ...own.buffers };
  for (const [name, buffer] of Object.entries(over.buffers ?? {})) {
    buffers[name] = { ...buffers[name], ...buffer };
  }
  // One of the two says how much is dispatched.
  const { grid, threads, ...rest } = own;
  const dispatched = given.grid === undefined && given.threads === undefined;
  return {
    ...rest,
    ...(dispatched && { grid, threads }),
    ...given,
    overrides: { ...own.overrides, ...over.overrides },
    values: { ...own.values, ...over.values },
    buffers,
  };
}

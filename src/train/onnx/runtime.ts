// Runs an ONNX model by onnxruntime-node where somebody has installed it. This package does not depend
// on it, and nothing but the check of an export needs it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { InputError } from "../../tensor/error.ts";

const PACKAGE = "onnxruntime-node";

/** The part of the package that is used here. */
interface Package {
  readonly InferenceSession: {
    readonly create: (
      model: Uint8Array,
      options: Readonly<Record<string, unknown>>,
    ) => Promise<Session>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}
interface Session {
  readonly run: (
    feeds: Readonly<Record<string, unknown>>,
  ) => Promise<Readonly<Record<string, { readonly data: Float32Array }>>>;
}

/** A tensor for a model. */
export interface Feed {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Runs models. */
export interface OnnxRuntime {
  readonly version: string;
  /** Output `output` of a model; throws InputError if the runtime refuses the model. */
  readonly run: (
    model: Uint8Array,
    feeds: Readonly<Record<string, Feed>>,
    output: string,
  ) => Promise<Float32Array>;
}

/** The runtime, or the reason why there is none. */
export type FoundRuntime = { readonly runtime: OnnxRuntime } | { readonly missing: string };

/**
 * Looks for the package as the files `places` would find it: by default from the working directory, then
 * beside this program.
 */
export async function findOnnxRuntime(
  places: readonly string[] = [join(process.cwd(), "package.json"), import.meta.url],
): Promise<FoundRuntime> {
  for (const place of places) {
    const require = createRequire(place);
    let file: string;
    try {
      file = require.resolve(PACKAGE);
    } catch {
      continue;
    }
    try {
      const loaded = (await import(pathToFileURL(file).href)) as { readonly default?: Package };
      const { version } = require(`${PACKAGE}/package.json`) as { readonly version: string };
      return { runtime: runtimeOf(loaded.default ?? (loaded as Package), version) };
    } catch (error) {
      return { missing: `${PACKAGE} cannot be loaded: ${(error as Error).message}` };
    }
  }
  return { missing: `${PACKAGE} is not installed` };
}

function runtimeOf({ InferenceSession, Tensor }: Package, version: string): OnnxRuntime {
  return {
    version,
    run: async (model, feeds, output) => {
      try {
        const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
        const tensors = Object.entries(feeds).map(([name, { shape, data }]) => {
          return [name, new Tensor("float32", data, shape)] as const;
        });
        const results = await session.run(Object.fromEntries(tensors));
        return results[output].data;
      } catch (error) {
        throw new InputError(`${PACKAGE} refuses the model: ${(error as Error).message}`);
      }
    },
  };
}

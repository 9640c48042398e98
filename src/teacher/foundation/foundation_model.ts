// A Depth Anything network ready to run: weights read once, compiled for the size of the image that
// it is given, one view at a time.
import type { ImageSize } from "../../data/camera.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile, type Plan } from "../../graph/plan.ts";
import { createStore } from "../../graph/store.ts";
import { oneAtATime } from "../one_at_a_time.ts";
import { InputError } from "../../tensor/error.ts";
import { publishedTaps, type Architecture } from "./architecture.ts";
import { foundationNetwork } from "./network.ts";
import { inputSize, positionRule, prepareImage, type Preparation } from "./prepare_image.ts";
import { readFoundationWeights, type FoundationWeights } from "./weights.ts";

/** How a network sees images. */
export interface FoundationChoice {
  /** A .safetensors file, an index of shards, or a folder with either. */
  readonly weights: string;
  /** The publication that prepares images so; `auto`: the one whose tensor names the file has. */
  readonly preparation: Preparation | "auto";
  /** The side that the preparation aims at, a multiple of the patch. */
  readonly side_px: number;
}

/** The result for one image. */
export interface FoundationMap {
  /** The size at which the network saw the image. */
  readonly size: ImageSize;
  /** `[size]` disparity of unknown scale and shift, or depth in metres. */
  readonly map: Float32Array;
  /** Rows and columns of patches. */
  readonly patches: ImageSize;
  /** `[patches, D]` the last tapped tokens. */
  readonly tokens: Float32Array;
}

/** A network that runs on a device. */
export interface FoundationModel {
  /** Its name in reports: publication, version and size. */
  readonly name: string;
  readonly architecture: Architecture;
  readonly preparation: Preparation;
  readonly side_px: number;
  /** Everything that its maps depend on beside the image, as a text. */
  readonly identity: string;
  /** The assumption made where there is no config.json; null for none. */
  readonly assumed: string | null;
  /** The size at which it sees an image. */
  readonly inputSize: (image: ImageSize) => ImageSize;
  /** The map of an image `[H, W, 3]` of bytes; a new size compiles the network again. */
  readonly run: (image: Uint8Array, size: ImageSize) => Promise<FoundationMap>;
  /** Bytes on the device while it runs the last size; 0 before. */
  readonly device_bytes: () => number;
  /** Frees what it holds on the device. */
  readonly close: () => void;
}

// A change of the numbers that a network gives needs another word here.
const FORMAT = "depth anything 1";

const SIZES: Readonly<Record<number, string>> = { 384: "Small", 768: "Base", 1024: "Large" };

/**
 * Opens a network; throws InputError naming the file and tensor that is missing, extra or wrong, and
 * for a side that is not a multiple of the patch. The device is used from the first run on.
 */
export async function openFoundationModel(
  choice: FoundationChoice,
  gpu: () => Gpu | Promise<Gpu>,
): Promise<FoundationModel> {
  const weights = await readFoundationWeights(choice.weights);
  const { architecture, naming, digest, assumed } = weights;
  const { side_px } = choice;
  const { patch } = architecture;
  if (!Number.isInteger(side_px / patch) || side_px < patch) {
    throw new InputError(
      `a side of ${side_px} pixels does not split into patches of ${patch}; give a multiple of ${patch}`,
    );
  }
  const preparation = choice.preparation === "auto" ? naming : choice.preparation;
  const seen = (image: ImageSize): ImageSize => inputSize(image, preparation, side_px, patch);
  const runner = networkRunner(gpu, weights, preparation);
  return {
    name: nameOf(architecture),
    architecture,
    preparation,
    side_px,
    identity: JSON.stringify([FORMAT, digest, preparation, side_px]),
    assumed,
    inputSize: seen,
    run: oneAtATime(async (image: Uint8Array, from: ImageSize) => {
      const size = seen(from);
      const plan = await runner.plan(size);
      const prepared = prepareImage(image, from, size, preparation);
      const { map, tokens } = await plan.run({ image: prepared });
      const patches = { height: size.height / patch, width: size.width / patch };
      return { size, map, patches, tokens };
    }),
    device_bytes: runner.device_bytes,
    close: runner.close,
  };
}

function nameOf({ hidden, blocks, taps, output }: Architecture): string {
  const at = taps.map(({ block }) => block).join();
  const version = (["v1", "v2"] as const).find((one) => publishedTaps(one, blocks)?.join() === at);
  const size = SIZES[hidden];
  const own =
    version === undefined || size === undefined
      ? `of ${blocks} blocks, ${hidden} wide`
      : `${version.toUpperCase()} ${size}`;
  const metric = output.kind === "metric_depth" ? `, metric to ${output.max_depth_m} m` : "";
  return `Depth Anything ${own}${metric}`;
}

/** Keeps the network compiled for one size on one device; compiles it again when either changes. */
function networkRunner(
  gpu: () => Gpu | Promise<Gpu>,
  weights: FoundationWeights,
  preparation: Preparation,
): {
  readonly plan: (size: ImageSize) => Promise<Plan>;
  readonly device_bytes: () => number;
  readonly close: () => void;
} {
  let open: { readonly key: string; readonly on: Gpu; readonly made: Promise<Compiled> } | null =
    null;
  let device_bytes = 0;
  const close = async (): Promise<void> => {
    const last = open;
    open = null;
    await last?.made.then(({ destroy }) => destroy()).catch(() => undefined);
  };
  return {
    plan: async (size) => {
      const key = `${size.height}x${size.width}`;
      const on = await gpu();
      if (open === null || open.key !== key || open.on !== on) {
        await close(); // its weights, before those of the next size take as much memory
        open = { key, on, made: compiled(on, weights, size, preparation) };
      }
      const { plan } = await open.made;
      device_bytes = plan.summary.peak_bytes;
      return plan;
    },
    device_bytes: () => device_bytes,
    close: () => void close(),
  };
}

interface Compiled {
  readonly plan: Plan;
  readonly destroy: () => void;
}

async function compiled(
  gpu: Gpu,
  weights: FoundationWeights,
  size: ImageSize,
  preparation: Preparation,
): Promise<Compiled> {
  const { g, taps, map } = foundationNetwork(weights, size, positionRule(preparation));
  const store = createStore(gpu, g, initialStore(g, 0));
  try {
    const outputs = { map, tokens: taps[taps.length - 1] };
    const plan = await compile(gpu, g, { outputs }, store);
    return {
      plan,
      destroy: () => {
        plan.destroy();
        store.destroy();
      },
    };
  } catch (error) {
    store.destroy();
    throw error;
  }
}

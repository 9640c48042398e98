// Computes the maps of a foundation model for every moment of a data source, and writes them as a
// folder of teacher maps. What is there already is not computed again.
import { createHash } from "node:crypto";
import type { ImageSize } from "../../data/camera.ts";
import type { DataSource } from "../../data/data_source.ts";
import { writeNpy } from "../../formats/npy.ts";
import type { Gpu } from "../../gpu/device.ts";
import {
  openFoundationModel,
  type FoundationChoice,
  type FoundationMap,
  type FoundationModel,
} from "../../teacher/foundation/foundation_model.ts";
import {
  openMapFolder,
  type MapFolder,
  type MapsHeader,
} from "../../teacher/foundation/map_folder.ts";
import { inputSize } from "../../teacher/foundation/prepare_image.ts";
import { weightPlaces } from "../../teacher/foundation/weight_files.ts";
import { viewOf } from "../../teacher/relative_model.ts";
import { InputError } from "../../tensor/error.ts";
import { nativeSize } from "./native_images.ts";

/** The maps to compute, and their folder. */
export interface FoundationRun {
  readonly choice: FoundationChoice;
  /** The moments: splits of one data source, with equal cameras. */
  readonly sources: readonly DataSource[];
  readonly out: string;
  /** Patches along a side of the squares over which tokens are averaged; null to write none. */
  readonly tokens: number | null;
  /** Whether a moment with broken files is left out. */
  readonly maySkip: boolean;
  /** Opens the device, the first time that a map is computed. */
  readonly gpu: () => Promise<Gpu>;
  readonly onStart: (about: {
    readonly name: string;
    readonly moments: number;
    readonly found: number;
  }) => void;
  readonly onMoment: (computed: number) => void;
  readonly onMessage: (message: string) => void;
}

/** The result of a run. */
export interface FoundationRunResult {
  readonly name: string;
  readonly kind: MapsHeader["kind"];
  readonly moments: number;
  readonly written: number;
  readonly found: number;
  readonly skipped: number;
  /** Size at which the network saw the images. */
  readonly input: ImageSize;
  /** Time of the computed moments together, in seconds. */
  readonly time_s: number;
  /** Most bytes of the device in use; 0 where nothing was computed. */
  readonly device_bytes: number;
}

interface Moment {
  readonly source: DataSource;
  readonly index: number;
  readonly id: string;
  readonly key: string;
}

/**
 * Computes and writes what is missing. Throws InputError for weights that are not a network's, for a
 * folder with maps of something else or a file that ringdepth did not write, and for broken data
 * unless it may be skipped.
 */
export async function runFoundation(run: FoundationRun): Promise<FoundationRunResult> {
  const folder = await openMapFolder(run.out);
  let model: FoundationModel | null = null;
  try {
    const weights = await weightPlaces(run.choice.weights);
    const choice = JSON.stringify([run.choice.preparation, run.choice.side_px, run.tokens]);
    const opened = async (): Promise<FoundationModel> => {
      model ??= await openFoundationModel(run.choice, run.gpu);
      return model;
    };
    const known = reusable(folder.earlier, weights, choice);
    const about = known ?? aboutOf(await opened(), weights, choice, run.tokens);
    if (known === null) await folder.describe(about);
    const size = nativeSize(run.sources[0], (image) => seenSize(about, image));
    const { todo, found } = await planned(run, folder, about, size);
    run.onStart({ name: about.name, moments: todo.length + found, found });
    const start = performance.now();
    const written = todo.length === 0 ? 0 : await computed(run, folder, await opened(), todo, size);
    return {
      name: about.name,
      kind: about.kind,
      moments: todo.length + found,
      written,
      found,
      skipped: todo.length - written,
      input: seenSize(about, size),
      time_s: (performance.now() - start) / 1000,
      device_bytes: model === null ? 0 : (await opened()).device_bytes(),
    };
  } finally {
    (model as FoundationModel | null)?.close();
    await folder.close();
  }
}

/** The facts of an earlier run, if its weights were not touched since and it was asked the same. */
function reusable(
  earlier: MapsHeader | null,
  weights: MapsHeader["weights"],
  choice: string,
): MapsHeader | null {
  if (earlier === null || earlier.choice !== choice) return null;
  return JSON.stringify(earlier.weights) === JSON.stringify(weights) ? earlier : null;
}

function aboutOf(
  model: FoundationModel,
  weights: MapsHeader["weights"],
  choice: string,
  tokens: number | null,
): MapsHeader {
  const { name, identity, architecture, preparation, side_px } = model;
  return {
    weights,
    choice,
    identity: tokens === null ? identity : `${identity} tokens ${tokens}`,
    name,
    kind: architecture.output.kind,
    embedding: tokens === null ? 0 : architecture.hidden,
    patch: architecture.patch,
    preparation,
    side_px,
  };
}

function seenSize({ preparation, side_px, patch }: MapsHeader, image: ImageSize): ImageSize {
  return inputSize(image, preparation, side_px, patch);
}

/** The moments of all splits, each once: those to compute, and the number of those that are there. */
async function planned(
  { sources }: FoundationRun,
  folder: MapFolder,
  about: MapsHeader,
  size: ImageSize,
): Promise<{ readonly todo: Moment[]; readonly found: number }> {
  const seen = new Set<string>();
  const todo: Moment[] = [];
  let found = 0;
  for (const source of sources) {
    const files = source.cameras.flatMap(({ name }) => fileNames(name, about));
    for (let index = 0; index < source.count; index++) {
      const { id, content } = await source.identify(index);
      if (seen.has(id)) continue;
      seen.add(id);
      const facts = [about.identity, content, size.height, size.width];
      const key = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
      if (await folder.has(id, key, files)) found++;
      else todo.push({ source, index, id, key });
    }
  }
  return { todo, found };
}

function fileNames(camera: string, { embedding }: MapsHeader): string[] {
  return [`${camera}.npy`, ...(embedding > 0 ? [`${camera}.embedding.npy`] : [])];
}

/** Computes and writes moments; returns how many were not skipped. */
async function computed(
  run: FoundationRun,
  folder: MapFolder,
  model: FoundationModel,
  todo: readonly Moment[],
  size: ImageSize,
): Promise<number> {
  if (model.assumed !== null) run.onMessage(model.assumed);
  let written = 0;
  for (const { source, index, id, key } of todo) {
    let sample;
    try {
      sample = await source.sample(index, size);
    } catch (error) {
      if (!run.maySkip || !(error instanceof InputError)) throw error;
      run.onMessage(`moment ${id} left out: ${error.message}`);
      continue;
    }
    const files: { readonly name: string; readonly bytes: Uint8Array }[] = [];
    for (const [view, camera] of sample.cameras.entries()) {
      const image = viewOf(sample.images, view, 3 * size.height * size.width);
      files.push(...mapFiles(camera.name, await model.run(image, size), run.tokens));
    }
    await folder.write(id, key, files);
    run.onMoment(++written);
  }
  return written;
}

/** The files of one view. */
function mapFiles(
  camera: string,
  { map, size, tokens, patches }: FoundationMap,
  pool: number | null,
): { readonly name: string; readonly bytes: Uint8Array }[] {
  const files = [{ name: `${camera}.npy`, bytes: writeNpy(map, [size.height, size.width]) }];
  if (pool === null) return files;
  const channels = tokens.length / (patches.height * patches.width);
  const pooled = pooledTokens(tokens, patches, channels, pool);
  const bytes = writeNpy(pooled.values, [pooled.height, pooled.width, channels]);
  return [...files, { name: `${camera}.embedding.npy`, bytes }];
}

/** Means of tokens over squares of `pool` patches, smaller at the right and lower edge. */
function pooledTokens(
  tokens: Float32Array,
  { height, width }: ImageSize,
  channels: number,
  pool: number,
): ImageSize & { readonly values: Float32Array } {
  const [rows, columns] = [Math.ceil(height / pool), Math.ceil(width / pool)];
  const sums = new Float64Array(rows * columns * channels);
  const counts = new Float64Array(rows * columns);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const to = Math.floor(row / pool) * columns + Math.floor(column / pool);
      counts[to]++;
      const from = (row * width + column) * channels;
      for (let c = 0; c < channels; c++) sums[to * channels + c] += tokens[from + c];
    }
  }
  const values = Float32Array.from(sums, (sum, i) => sum / counts[Math.floor(i / channels)]);
  return { height: rows, width: columns, values };
}

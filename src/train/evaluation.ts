// Evaluates depth maps on the moments of a source, whether a student, a teacher or a folder gives
// them: the tables of a protocol, the overlap of cameras, and their agreement.
import { resizeIntrinsics, type ImageSize } from "../data/camera.ts";
import type { DataSource } from "../data/data_source.ts";
import { loader, type BadSamples } from "../data/loader.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import type { AffineForm, MapQuantity } from "../evaluate/affine.ts";
import { consistencyMeter, type RigConsistency } from "../evaluate/consistency.ts";
import { countedTruth } from "../evaluate/map_mask.ts";
import { overlapTruth, pointAgreementMeter, type PointAgreement } from "../evaluate/overlap.ts";
import { OWN_PARTS, rangeOf, type EvaluationParts } from "../evaluate/parts.ts";
import { evaluator, type EvaluationResult } from "../evaluate/protocol.ts";
import { InputError } from "../tensor/error.ts";
import { anchored, drawAnchors, type AnchoredView } from "./anchored.ts";

/** The effect of anchoring over the pixels that were not anchors. */
export interface AnchoredEvaluation {
  /** Most LiDAR points drawn per view. */
  readonly points_per_view: number;
  /** The correction of each view of each moment. */
  readonly moments: readonly { readonly id: string; readonly views: readonly AnchoredView[] }[];
  /** The same pixels without the correction. */
  readonly without: EvaluationResult;
}

/** The result of an evaluation. */
export interface Evaluation {
  readonly result: EvaluationResult;
  /** Null where depth was not anchored. */
  readonly anchor: AnchoredEvaluation | null;
  /** Agreement of neighbouring cameras where they overlap; no pairs for maps without metres. */
  readonly consistency: RigConsistency;
  /** The same tables over the truth that two cameras see; null if not asked for, or without any. */
  readonly overlap: EvaluationResult | null;
  /** Agreement of neighbours at true points; null if not asked for, or without any. */
  readonly agreement: PointAgreement | null;
  /** True depths in range that the maps mask, over all moments; null if no map has a mask. */
  readonly masked_pixels: number | null;
  /** Number of evaluated moments. */
  readonly moments: number;
  /** How many of them the student was trained on; null if its file does not say. */
  readonly trained_on: number | null;
  /** Samples left out because one of their files is broken. */
  readonly skipped_samples: number;
}

/** Choices of an evaluation beyond the protocol of the data. */
export interface EvaluationChoices {
  /** Anchor depth to at most this many LiDAR points per view, whose pixels are not evaluated. */
  readonly anchor_points?: number | null;
  readonly parts?: EvaluationParts;
  readonly affine?: AffineForm | undefined;
  /** Also evaluate the overlap of cameras (default false). */
  readonly overlap?: boolean;
}

/** Maps of some quantity for the moments of a source. */
export interface EvaluatedMaps {
  /** The size at which samples are loaded. */
  readonly size: ImageSize;
  readonly quantity: MapQuantity;
  /** Ids of the moments that were trained on; null if unknown. */
  readonly known: ReadonlySet<string> | null;
  /** The maps `[V, h, w]` of a moment; where `counts`, of the same shape, is 0 they do not count. */
  readonly of: (sample: RigSample) => Promise<{
    readonly values: Float32Array;
    readonly size: ImageSize;
    readonly counts?: Uint8Array;
  }>;
}

/**
 * Evaluates maps on every sample of `source`, over the depth range of its protocol; with `skip` a
 * broken sample is left out, reported and counted.
 */
export async function evaluateMaps(
  maps: EvaluatedMaps,
  source: DataSource,
  badSamples: BadSamples,
  report: (message: string) => void,
  choices: EvaluationChoices = {},
): Promise<Evaluation> {
  const { size: loaded, quantity, known } = maps;
  const { anchor_points = null, parts = OWN_PARTS, affine, overlap = false } = choices;
  const loading = { seed: 0, size: loaded, augment: false, badSamples, onSkip: report };
  const samples = loader(source, loading);
  const names = source.cameras.map(({ name }) => name);
  const { protocol } = source;
  const options = { medianScaling: true, parts, quantity, ...(affine && { affine }) };
  const isMetric = quantity === "metres";
  const metrics = evaluator(names, protocol, options);
  const without = evaluator(names, protocol, options);
  const seenTwice = evaluator(names, protocol, options);
  const meter = consistencyMeter();
  const range = rangeOf(parts, protocol);
  const agreement = pointAgreementMeter(range);
  const corrections: { readonly id: string; readonly views: readonly AnchoredView[] }[] = [];
  let moments = 0;
  let trained = 0;
  let overlapPixels = 0;
  let masked_pixels: number | null = null;
  for await (const sample of samples.all()) {
    const predicting = maps.of(sample);
    // Drawn while the GPU predicts.
    const drawn = anchor_points === null ? null : drawAnchors(sample, protocol, anchor_points);
    const { values, size, counts } = await predicting;
    const fixed = drawn === null ? null : anchored(sample, values, drawn);
    const depth_m = fixed?.depth_m ?? values;
    let groundTruth = fixed?.groundTruth() ?? sample.groundTruth;
    if (counts !== undefined) {
      const counted = countedTruth(groundTruth, counts, size, range);
      ({ groundTruth } = counted);
      masked_pixels = (masked_pixels ?? 0) + counted.masked_pixels;
    }
    const [, height, width] = sampleShape(sample);
    const mask = { size: { height, width }, usable: sample.usable };
    metrics.add(depth_m, size, groundTruth, mask);
    if (fixed !== null) {
      without.add(values, size, groundTruth, mask);
      corrections.push({ id: sample.id, views: fixed.views });
    }
    const isLoadedSize = size.height === height && size.width === width;
    const cameras = isLoadedSize
      ? sample.cameras
      : sample.cameras.map((camera) => resizeIntrinsics(camera, size));
    if (isMetric) meter.add(depth_m, cameras, counts);
    if (overlap) {
      const truths = overlapTruth(cameras, groundTruth);
      overlapPixels += truths.reduce((sum, { pixels }) => sum + pixels.length, 0);
      seenTwice.add(depth_m, size, truths, mask);
      if (isMetric) agreement.add({ depth_m, cameras, groundTruth, counts });
    }
    moments++;
    if (known?.has(sample.id) === true) trained++;
  }
  return {
    result: metrics.result(),
    anchor:
      anchor_points === null
        ? null
        : { points_per_view: anchor_points, moments: corrections, without: without.result() },
    consistency: meter.result(),
    overlap: overlapPixels > 0 ? resultOrNull(() => seenTwice.result()) : null,
    agreement: agreement.result(),
    masked_pixels,
    moments,
    trained_on: known === null ? null : trained,
    skipped_samples: samples.skipped,
  };
}

/** The table, or null if none of its pixels counts. */
function resultOrNull(result: () => EvaluationResult): EvaluationResult | null {
  try {
    return result();
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

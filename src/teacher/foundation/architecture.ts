// The facts that fix a Depth Anything network: a DINOv2 backbone, four taps, and the head of a dense
// prediction transformer. V1 and V2 differ in the taps alone.

/** The maps that a network gives. */
export type FoundationOutput =
  /** Disparity of unknown scale and shift per image, 0 or above; larger is nearer. */
  | { readonly kind: "disparity"; readonly factor: number }
  /** Depth in metres from 0 to `max_depth_m`. */
  | { readonly kind: "metric_depth"; readonly max_depth_m: number };

/** One tap of the backbone and what the head makes of it. */
export interface Tap {
  /** Block whose output it is, from 0. */
  readonly block: number;
  /** Channels after its projection. */
  readonly channels: number;
  /** Its size in patches: 4, 2 and 1 times as many, or 0.5 (rounded up). */
  readonly factor: number;
}

/** The architecture of a network. */
export interface Architecture {
  /** D: width of a token. */
  readonly hidden: number;
  readonly blocks: number;
  readonly heads: number;
  /** Width of the hidden layer of each block's perceptron. */
  readonly mlp: number;
  /** Pixels along one side of a patch. */
  readonly patch: number;
  /** Rows and columns of the learnt position embeddings. */
  readonly grid: number;
  readonly epsilon: number;
  /** Whether query, key and value have biases. */
  readonly qkvBias: boolean;
  /** Whether the last norm is applied to each tap. */
  readonly normalizesTaps: boolean;
  readonly taps: readonly Tap[];
  /** F: channels of the fusion. */
  readonly fusion: number;
  /** Channels of the head before its output. */
  readonly headHidden: number;
  readonly output: FoundationOutput;
}

/** Taps of the published networks by version and number of blocks, from 0. */
export function publishedTaps(version: "v1" | "v2", blocks: number): readonly number[] | null {
  if (version === "v1") return blocks < 4 ? null : [4, 3, 2, 1].map((back) => blocks - back);
  if (blocks === 12) return [2, 5, 8, 11];
  return blocks === 24 ? [4, 11, 17, 23] : null;
}

/** The sizes of the four maps of the head relative to the patches. */
export const FACTORS: readonly number[] = [4, 2, 1, 0.5];

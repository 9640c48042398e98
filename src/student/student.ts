// The students: encoder, U-Net decoder and metric-bins head put together; images of a rig in, depth
// in metres out.
import { binHead, type BinHeadConfig, type BinOutput } from "../bins/metric_bins.ts";
import type { Graph } from "../graph/graph.ts";
import { scaleShift } from "../graph/ops/arithmetic.ts";
import { concat } from "../graph/ops/concat.ts";
import { resizeBilinear } from "../graph/ops/resize.ts";
import { binDecode } from "../graph/ops/bin_decode.ts";
import { binomialDecode } from "../graph/ops/binomial_decode.ts";
import type { Value } from "../graph/value.ts";
import { InputError } from "../tensor/error.ts";
import { checkNames, checkOptions } from "../tensor/options.ts";
import { unetDecoder, type DecoderConfig } from "./decoder.ts";
import { NANO_CHANNELS, nanoEncoder, resnetEncoder, RESNETS, type Resnet } from "./encoder.ts";
import { adaptedFeatures, type FeatureWidths } from "./adapters.ts";
import {
  ATTENTION_LEVELS,
  STUDENT_ATTENTIONS,
  neighbourAttention,
  type StudentAttention,
} from "./neighbour_attention.ts";
import type { Network } from "./parts.ts";

/** The names of the students. */
export const STUDENTS = ["nano", "resnet18", "resnet34"] as const;
/** One of the students. */
export type StudentName = (typeof STUDENTS)[number];
/** The names of the students in a sentence. */
export const STUDENT_NAMES: string = `${STUDENTS.slice(0, -1).join(", ")} or ${STUDENTS.at(-1)!}`;

/** The outputs of a student that the losses and the user need. */
export interface StudentOutput extends BinOutput {
  /** `[V]` metres of a centre of 1: depth_max times the focal scale. */
  readonly scale_m: Value;
  /** `[V, h, w, 1]` depth in metres at half the size of the images. */
  readonly depth_m: Value;
}

/** The settings of a student's parts; the head's own choices come from the configuration. */
interface StudentParts {
  readonly encoder: (net: Network, images: Value) => Value[];
  /** Channels of the encoder's coarsest feature. */
  readonly bottleneck: number;
  readonly decoder: DecoderConfig;
  /** Channels of one head of the attention between views. */
  readonly head_channels: number;
}

/** A student with the encoder of a residual network and Monodepth2's decoder. */
function resnetParts(resnet: Resnet): StudentParts {
  return {
    encoder: (net, images) => resnetEncoder(net, images, resnet),
    bottleneck: resnet.channels[3],
    decoder: { channels: [256, 128, 64, 32], convolution: { reflect: true, activation: "elu" } },
    head_channels: 64,
  };
}

const PARTS: Readonly<Record<StudentName, StudentParts>> = {
  nano: {
    encoder: nanoEncoder,
    bottleneck: NANO_CHANNELS[4],
    decoder: {
      channels: [48, 32, 24, 16],
      convolution: { normalization: "group", activation: "elu" },
    },
    head_channels: 16,
  },
  resnet18: resnetParts(RESNETS.resnet18),
  resnet34: resnetParts(RESNETS.resnet34),
};

// ZoeDepth's own.
const LARGE_HEAD = { embedding: 128, hidden: 128, attractors: [16, 8, 4, 1] } as const;

/** Widths of the head that suit each student; ZoeDepth's own for the large ones. */
export const HEAD_WIDTHS: Readonly<
  Record<StudentName, Pick<BinHeadConfig, "embedding" | "hidden" | "attractors">>
> = {
  nano: { embedding: 32, hidden: 32, attractors: [16, 8, 4, 1] },
  resnet18: LARGE_HEAD,
  resnet34: LARGE_HEAD,
};

/** The variants of a student. */
export interface StudentOptions {
  /**
   * A relative depth [V,H/2,W/2,1] in [0, 1] that it sees beside the images: the same network is then
   * the module that gives a foundation model its bins.
   */
  readonly relative?: Value | null;
  /**
   * The network of a fitted teacher's module whose head this student has: adapters give its features
   * the widths of that network's, and a relative depth, which the module is given.
   */
  readonly shared?: StudentName | null;
  /** Attention of the two coarsest features to ring neighbours; none by default. */
  readonly attention?: StudentAttention;
  /** Rigs of the same number of cameras whose views follow one another; 1 by default. */
  readonly rigs?: number;
}

/** Image pixels per pixel of the coarsest feature, along one axis. */
const COARSEST = 32;

const OPTIONS = {
  relative: "value",
  shared: "any",
  attention: STUDENT_ATTENTIONS,
  rigs: "number",
} as const satisfies Record<keyof StudentOptions, unknown>;
const HEAD: Readonly<Record<keyof BinHeadConfig, true>> = {
  kind: true,
  bins: true,
  embedding: true,
  hidden: true,
  attractors: true,
  seed: true,
  spacing: true,
  depth_max_m: true,
  frozen: true,
};

/**
 * Builds a student. images [V,H,W,4], focal_scale [V] -> logits, centres, embedding and depth_m
 * [V,H/2,W/2,1]. Throws InputError unless H and W are multiples of 32, from 64 on where the decoder
 * reflects edges.
 */
export function student(
  g: Graph,
  name: StudentName,
  head: BinHeadConfig,
  images: Value,
  focal_scale: Value,
  training: boolean,
  options: StudentOptions = {},
): StudentOutput {
  checkOptions("student", options, {}, OPTIONS);
  checkNames("student: head", head, Object.keys(HEAD));
  const { relative = null, shared = null, attention = "none", rigs = 1 } = options;
  const { encoder, decoder, head_channels } = PARTS[name];
  const [, height, width] = images.shape;
  // a single pixel has no neighbour to reflect
  const least = decoder.convolution.reflect === true ? 2 * COARSEST : COARSEST;
  if (height % COARSEST !== 0 || width % COARSEST !== 0 || Math.min(height, width) < least) {
    throw new InputError(
      `student ${name}: images of ${height}x${width}; both sides must be multiples of ${COARSEST}, at least ${least}; change --size`,
    );
  }
  const net: Network = { g, training };
  const given = relative === null ? null : standardized(relative);
  const seen =
    given === null
      ? images
      : concat([images, resizeBilinear(given, [height, width], "half_pixel")], 3);
  const encoded = encoder(net, seen);
  const features = encoded.map((feature, level) =>
    attention === "none" || level < encoded.length - ATTENTION_LEVELS
      ? feature
      : neighbourAttention(
          g,
          `attention.${level + 1}`,
          feature,
          Math.floor(feature.shape[3] / head_channels),
          rigs,
        ),
  );
  const decoded = unetDecoder(net, features, decoder);
  const own = { bottleneck: features.at(-1)!, decoded, relative: given };
  const fed = shared === null ? own : sharedFeatures(g, shared, own);
  const bins = binHead(g, head, fed.bottleneck, fed.decoded, fed.relative);
  const scale_m = scaleShift(focal_scale, head.depth_max_m, 0);
  const { logits, binomial, centers } = bins;
  const depth_m =
    binomial === null
      ? binDecode(logits, centers, scale_m)
      : binomialDecode({ ...binomial, centers, scale: scale_m });
  return { ...bins, scale_m, depth_m };
}

/** A relative depth in [0, 1], centred and with the deviation of an image. */
function standardized(relative: Value): Value {
  return scaleShift(relative, 4, -2);
}

/** The features of a student as the head of a module of network `of` expects them. */
function sharedFeatures(
  g: Graph,
  of: StudentName,
  { bottleneck, decoded }: { readonly bottleneck: Value; readonly decoded: readonly Value[] },
): { readonly bottleneck: Value; readonly decoded: readonly Value[]; readonly relative: Value } {
  const { bottleneck: width, decoder } = PARTS[of];
  const widths: FeatureWidths = { bottleneck: width, decoded: decoder.channels };
  const adapted = adaptedFeatures(g, widths, bottleneck, decoded);
  return { ...adapted, relative: standardized(adapted.relative) };
}

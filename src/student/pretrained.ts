// Pretrained ResNet encoders: which tensor of a file is which of the student's, by the names of
// torchvision, timm and Hugging Face. Knows names and shapes; src/train reads the file.
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../tensor/shape.ts";
import type { Resnet } from "./encoder.ts";

/** One tensor of a pretrained encoder. */
export interface PretrainedTensor {
  /** Its name in the file. */
  readonly from: string;
  /** The student's parameter or state. */
  readonly to: string;
  readonly kind: "parameter" | "state";
  /** Shape in the file; a convolution's is `[O, C, k, k]`. */
  readonly shape: Shape;
}

/** The tensors of a pretrained encoder in a file. */
export interface PretrainedEncoder {
  readonly tensors: readonly PretrainedTensor[];
  /** Names beside the encoder and its classifier, such as those of a decoder; they are not used. */
  readonly left_out: readonly string[];
}

/** A tensor as both families of names call it. */
interface Expected extends Omit<PretrainedTensor, "from"> {
  /** Torchvision's name, which timm uses too. */
  readonly torchvision: string;
  /** The name of Hugging Face's ResNetModel. */
  readonly hugging_face: string;
}

const NAMINGS = ["torchvision", "hugging_face"] as const;
type Naming = (typeof NAMINGS)[number];

const NORM_TENSORS = [
  ["weight", "weight", "parameter"],
  ["bias", "bias", "parameter"],
  ["running_mean", "running_mean", "state"],
  ["running_var", "running_variance", "state"],
] as const;
/** A counter beside each batch norm that only training without a momentum needs. */
const COUNTER = "num_batches_tracked";
/** Layers after the encoder, in any of the three namings. */
const CLASSIFIER = /^(fc|classifier|head)\./;
/** Names that an error lists before it only counts. */
const LISTED = 5;

/**
 * Finds a ResNet in the tensors of `file`, below any prefix such as `encoder.`, `module.` or
 * `backbone.`; counters of batch norms and a classifier may be there or not. Throws InputError with the
 * tensors that are missing, that belong to another network, or that have another shape.
 */
export function pretrainedEncoder(
  found: ReadonlyMap<string, Shape>,
  resnet: Resnet,
  file: string,
): PretrainedEncoder {
  const { name } = resnet;
  const expected = expectedTensors(resnet);
  const { naming, prefix } = placeOf(found, expected, name, file);
  const tensors = expected.map((one) => ({
    from: prefix + one[naming],
    to: one.to,
    kind: one.kind,
    shape: one.shape,
  }));
  const known = new Set(tensors.map(({ from }) => from));
  for (const { from } of tensors) {
    if (from.endsWith(".running_mean")) known.add(from.replace(/running_mean$/, COUNTER));
  }
  const isClassifier = (one: string): boolean =>
    CLASSIFIER.test(one) || (one.startsWith(prefix) && CLASSIFIER.test(one.slice(prefix.length)));
  const others = [...found.keys()].filter((one) => !known.has(one) && !isClassifier(one));
  const isInside = (one: string): boolean => one.startsWith(prefix);
  const faults = [
    counted(
      "lacks",
      tensors.filter(({ from }) => !found.has(from)).map(({ from }) => from),
    ),
    counted(`also has, unlike a ${name},`, others.filter(isInside)),
    ...tensors.flatMap(({ from, shape }) => {
      const own = found.get(from);
      return own === undefined || sameShape(own, shape)
        ? []
        : [`${from} is ${formatShape(own)}, expected ${formatShape(shape)}`];
    }),
  ].filter((fault) => fault !== "");
  if (faults.length > 0) {
    const shown = faults.slice(0, LISTED).join("; ");
    const more = faults.length > LISTED ? `; and ${faults.length - LISTED} more shapes` : "";
    throw new InputError(`${file}: does not fit the encoder of ${name}: ${shown}${more}`);
  }
  return { tensors, left_out: others.filter((one) => !isInside(one)) };
}

/** The names after a word, of which a long list is cut; empty without names. */
function counted(word: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const rest = names.length - LISTED;
  return `${word} ${names.slice(0, LISTED).join(", ")}${rest > 0 ? ` and ${rest} more tensors` : ""}`;
}

/** The naming and prefix that most tensors of the file agree with. */
function placeOf(
  found: ReadonlyMap<string, Shape>,
  expected: readonly Expected[],
  name: string,
  file: string,
): { readonly naming: Naming; readonly prefix: string } {
  const places = NAMINGS.flatMap((naming) => {
    const names = new Set(expected.map((one) => one[naming]));
    const counts = new Map<string, number>();
    for (const one of found.keys()) {
      for (let start = 0; start >= 0; start = nextSegment(one, start)) {
        if (!names.has(one.slice(start))) continue;
        const prefix = one.slice(0, start);
        counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      }
    }
    return [...counts].map(([prefix, count]) => ({ naming, prefix, count }));
  }).toSorted((a, b) => b.count - a.count);
  const [best, second] = places;
  if (best === undefined) {
    throw new InputError(
      `${file}: has no tensor of a ${name} in the names of torchvision, timm or Hugging Face, such as ` +
        NAMINGS.map((naming) => expected[0][naming]).join(" or "),
    );
  }
  // A block alone has the names of the stem: only whole encoders count.
  if (second?.count === best.count && 2 * best.count > expected.length) {
    throw new InputError(
      `${file}: has two encoders, ${[best, second].map(({ prefix }) => `${prefix}*`).join(" and ")}; ` +
        `write one of them to a file of its own`,
    );
  }
  return best;
}

/** Where the next part of a name begins after `start`, -1 at the last one. */
function nextSegment(name: string, start: number): number {
  const dot = name.indexOf(".", start);
  return dot < 0 ? -1 : dot + 1;
}

/** All tensors of the encoder, in the student's order. */
function expectedTensors({ channels: widths, blocks: counts }: Resnet): Expected[] {
  const [stem] = widths;
  const tensors = unit(
    ["conv1", "bn1"],
    ["embedder.embedder.convolution", "embedder.embedder.normalization"],
    [stem, 3, 7, 7],
  );
  let width = stem;
  widths.forEach((channels, stage) => {
    for (let block = 0; block < counts[stage]; block++) {
      const at = `layer${stage + 1}.${block}`;
      const layer = `encoder.stages.${stage}.layers.${block}`;
      const add = (own: readonly [string, string], other: string, shape: Shape): void => {
        tensors.push(
          ...unit(
            [`${at}.${own[0]}`, `${at}.${own[1]}`],
            [`${layer}.${other}.convolution`, `${layer}.${other}.normalization`],
            shape,
          ),
        );
      };
      add(["conv1", "bn1"], "layer.0", [channels, width, 3, 3]);
      add(["conv2", "bn2"], "layer.1", [channels, channels, 3, 3]);
      if (stage > 0 && block === 0) {
        add(["downsample.0", "downsample.1"], "shortcut", [channels, width, 1, 1]);
      }
      width = channels;
    }
  });
  return tensors;
}

type Pair = readonly [convolution: string, norm: string];

/** A convolution and the batch norm after it. */
function unit(torchvision: Pair, hugging_face: Pair, shape: Shape): Expected[] {
  const convolution: Expected = {
    torchvision: `${torchvision[0]}.weight`,
    hugging_face: `${hugging_face[0]}.weight`,
    to: `encoder.${torchvision[0]}.weight`,
    kind: "parameter",
    shape,
  };
  const norm = NORM_TENSORS.map(([from, to, kind]) => ({
    torchvision: `${torchvision[1]}.${from}`,
    hugging_face: `${hugging_face[1]}.${from}`,
    to: `encoder.${torchvision[1]}.${to}`,
    kind,
    shape: [shape[0]],
  }));
  return [convolution, ...norm];
}

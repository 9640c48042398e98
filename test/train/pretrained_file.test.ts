// Pretrained encoders: outputs, gradients and running statistics equal PyTorch's with the same
// weights, under the names of torchvision and of Hugging Face; files that do not fit are refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import type { HostData } from "../../src/formats/elements.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { slotOf } from "../../src/graph/layout.ts";
import type { Value } from "../../src/graph/value.ts";
import { resnetEncoder, RESNETS, type Resnet } from "../../src/student/encoder.ts";
import { pretrainedEncoder } from "../../src/student/pretrained.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { loadPretrained } from "../../src/train/pretrained_file.ts";
import { relativeErrors } from "../golden/golden_case.ts";

const SMALL: Resnet = { name: "small", channels: [4, 6, 8, 10], blocks: [1, 2, 1, 1] };
const GOLDEN = fileURLToPath(new URL("../student/golden/", import.meta.url));
const FILES = ["resnet_torchvision", "resnet_hugging_face"].map(
  (name) => `${GOLDEN}${name}.safetensors`,
);
const [TORCHVISION, HUGGING_FACE] = FILES;
// Another order of sums in f64.
const TOLERANCE = 1e-11;

interface Tensor {
  readonly shape: Shape;
  readonly data: HostData;
}
type Tensors = Map<string, Tensor>;

const tensorsOf = (file: string): Tensors =>
  new Map(readSafetensors(readFileSync(file), file).tensors);
const results = tensorsOf(`${GOLDEN}resnet_results.safetensors`);
const folder = mkdtempSync(join(tmpdir(), "ringdepth-pretrained-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function written(tensors: Tensors): string {
  const file = join(folder, `${files++}.safetensors`);
  const list = [...tensors].map(([name, { shape, data }]) => ({ name, shape, data }));
  writeFileSync(file, writeSafetensors(list, {}));
  return file;
}

/** [N, C, H, W] -> [N, H, W, channels], zeros beyond C; other ranks as they are. */
function channelsLast({ shape, data }: Tensor, channels = shape[1]): Float64Array {
  if (shape.length !== 4) return Float64Array.from(data, Number);
  const [n, c, h, w] = shape;
  const made = new Float64Array(n * h * w * channels);
  Array.from(data, Number).forEach((value, at) => {
    const pixel = at % (h * w);
    const plane = Math.floor(at / (h * w));
    made[(Math.floor(plane / c) * h * w + pixel) * channels + (plane % c)] = value;
  });
  return made;
}

/** What the tensors named `NAME` of the golden results are here. */
const golden = (name: string, channels?: number): Float64Array =>
  channelsLast(results.get(name)!, channels);

interface Encoder {
  readonly g: Graph;
  readonly features: readonly Value[];
  readonly store: CpuStore;
}

function encoder(training: boolean): Encoder {
  const g = graph();
  const features = resnetEncoder({ g, training }, g.input("images", [2, 32, 64, 4]), SMALL);
  return { g, features, store: initialStore(g, 3) };
}

const IMAGES = { images: golden("images", 4) };

function expectClose(
  wanted: readonly (readonly [string, Float64Array])[],
  found: Readonly<Record<string, ArrayLike<number>>>,
): void {
  const list = wanted.map(
    ([name, values]) => [name, { name, shape: [values.length], values }] as const,
  );
  const errors = relativeErrors(list as never, (name) => found[name]);
  expect(Object.entries(errors).filter(([, error]) => !(error <= TOLERANCE))).toEqual([]);
}

describe.each(FILES)("the weights of %s", (file) => {
  test("give PyTorch's features with running statistics", async () => {
    const { g, features, store } = encoder(false);
    expect(await loadPretrained(file, SMALL, store)).toEqual([]);
    const outputs = Object.fromEntries(features.map((value, i) => [`eval.feature${i + 1}`, value]));
    const found = runOnCpu(g, { outputs }, store, IMAGES);
    expectClose(
      Object.keys(outputs).map((name) => [name, golden(name)]),
      found,
    );
  });

  test("give PyTorch's features, gradients and running statistics in training", async () => {
    const { g, features, store } = encoder(true);
    await loadPretrained(file, SMALL, store);
    const seeds = features.map((value, i): [Value, Value] => {
      const seed = golden(`seed${i + 1}`);
      return [value, g.constant(`seed${i + 1}`, value.shape, Float32Array.from(seed))];
    });
    const gradients = backward(g, seeds, g.parameters);
    const outputs = {
      ...Object.fromEntries(features.map((value, i) => [`train.feature${i + 1}`, value])),
      ...Object.fromEntries(
        g.parameters.map((value) => [
          value.name.replace("encoder.", "gradient."),
          gradients.get(value)!,
        ]),
      ),
    };
    const found = runOnCpu(g, { outputs }, store, IMAGES);
    const after = [...store.states].map(([name, values]) => {
      const own = name.replace("encoder.", "after.").replace("variance", "var");
      return [own, values] as const;
    });
    expect(after.length).toBe(2 * 14);
    expectClose(
      [...Object.keys(outputs), ...after.map(([name]) => name)].map((name) => [
        name,
        golden(name, name === "gradient.conv1.weight" ? 4 : undefined),
      ]),
      { ...found, ...Object.fromEntries(after) },
    );
  });

  test("leave the fourth channel at zero, and what no file names as it was", async () => {
    const { g, store } = encoder(true);
    g.parameter("decoder.weight", [2], () => Float32Array.of(5, 6));
    const whole = initialStore(g, 3);
    await loadPretrained(file, SMALL, whole);
    const slot = (name: string, shape: Shape): number =>
      slotOf(whole.layout, { name, shape }).offset;
    const at = slot("encoder.conv1.weight", [4, 7, 7, 4]);
    for (let pixel = 0; pixel < 4 * 49; pixel++) {
      expect(whole.arenas.parameters[at + 4 * pixel + 3]).toBe(0);
    }
    const own = slot("decoder.weight", [2]);
    expect([...whole.arenas.parameters.subarray(own, own + 2)]).toEqual([5, 6]);
    expect(store.layout.floats).toBeLessThan(whole.layout.floats);
  });
});

describe("names", () => {
  const parameters = async (file: string): Promise<Float64Array> => {
    const { store } = encoder(true);
    await loadPretrained(file, SMALL, store);
    return store.arenas.parameters;
  };
  const renamed = (file: string, rename: (name: string) => string | null): string =>
    written(
      new Map(
        [...tensorsOf(file)].flatMap(([name, tensor]) => {
          const other = rename(name);
          return other === null ? [] : [[other, tensor] as const];
        }),
      ),
    );

  test.each(["encoder.", "module.", "backbone.", "resnet.", "module.encoder.", "model.net_1."])(
    "of torchvision may begin with %s",
    async (prefix) => {
      const file = renamed(TORCHVISION, (name) =>
        name.startsWith("fc.") ? name : `${prefix}${name}`,
      );
      expect(await parameters(file)).toEqual(await parameters(TORCHVISION));
    },
  );

  test("of Hugging Face may lack their prefix or have a classifier beside it", async () => {
    const bare = renamed(HUGGING_FACE, (name) => name.replace("resnet.", ""));
    expect(await parameters(bare)).toEqual(await parameters(TORCHVISION));
    const tensors = tensorsOf(HUGGING_FACE);
    tensors.set("classifier.1.weight", { shape: [2, 10], data: new Float32Array(20) });
    expect(await parameters(written(tensors))).toEqual(await parameters(TORCHVISION));
  });

  test("need neither a classifier nor the counters of batch norms", async () => {
    const file = renamed(TORCHVISION, (name) => (/^fc|batches_tracked/.test(name) ? null : name));
    expect(await parameters(file)).toEqual(await parameters(TORCHVISION));
  });

  test("of a folder are those of its model.safetensors", async () => {
    writeFileSync(join(folder, "model.safetensors"), readFileSync(TORCHVISION));
    expect(await parameters(folder)).toEqual(await parameters(TORCHVISION));
  });

  test("beside the encoder are reported, not refused", async () => {
    const file = renamed(TORCHVISION, (name) => `encoder.${name}`);
    const tensors = tensorsOf(file);
    tensors.set("decoder.0.weight", { shape: [1], data: new Float32Array(1) });
    tensors.set("height", { shape: [], data: new BigInt64Array(1) });
    const { store } = encoder(true);
    const left = await loadPretrained(written(tensors), SMALL, store);
    expect([...left].toSorted()).toEqual(["decoder.0.weight", "height"]);
  });
});

describe("a file that does not fit is refused with the tensors", () => {
  type Change = (tensors: Tensors) => void;
  const floats = (shape: Shape, fill = 0.5): Tensor => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill),
  });
  const changed = (values: (tensor: Tensor) => HostData, name: string): Change => {
    return (tensors) => {
      const tensor = tensors.get(name)!;
      tensors.set(name, { ...tensor, data: values(tensor) });
    };
  };
  const cases: readonly (readonly [string, string, Change])[] = [
    [
      "a missing tensor",
      "does not fit the encoder of small: lacks layer2.1.bn2.running_var",
      (tensors) => tensors.delete("layer2.1.bn2.running_var"),
    ],
    [
      "a whole stage missing",
      "lacks layer4.0.conv1.weight, layer4.0.bn1.weight, layer4.0.bn1.bias, " +
        "layer4.0.bn1.running_mean, layer4.0.bn1.running_var and 10 more tensors",
      (tensors) => {
        for (const name of tensors.keys()) if (name.startsWith("layer4")) tensors.delete(name);
      },
    ],
    [
      "a block too many",
      "also has, unlike a small, layer1.1.bn1.num_batches_tracked, layer1.1.conv1.weight",
      (tensors) => {
        tensors.set("layer1.1.bn1.num_batches_tracked", floats([]));
        tensors.set("layer1.1.conv1.weight", floats([4, 4, 3, 3]));
      },
    ],
    [
      "another shape",
      "layer3.0.conv1.weight is [8, 6, 1, 1], expected [8, 6, 3, 3]",
      (tensors) => tensors.set("layer3.0.conv1.weight", floats([8, 6, 1, 1])),
    ],
    [
      "channels last",
      "conv1.weight is [4, 7, 7, 3], expected [4, 3, 7, 7]",
      (tensors) => tensors.set("conv1.weight", floats([4, 7, 7, 3])),
    ],
    [
      "numbers that are not finite",
      "layer1.0.bn1.bias: element 3 of 4 is NaN",
      changed(() => Float32Array.of(0, 1, 2, Number.NaN), "layer1.0.bn1.bias"),
    ],
    [
      "a negative variance",
      "bn1.running_var: element 1 of 4 is -1; expected a finite variance of at least 0",
      changed(() => Float32Array.of(1, -1, 1, 1), "bn1.running_var"),
    ],
    [
      "whole numbers",
      "layer1.0.bn1.bias is I32; expected F32, F16, BF16, F64",
      changed(() => new Int32Array(4), "layer1.0.bn1.bias"),
    ],
    [
      "two encoders",
      "has two encoders, * and pose.*",
      (tensors) => {
        for (const [name, tensor] of tensors) {
          if (!/^fc|^pose/.test(name)) tensors.set(`pose.${name}`, tensor);
        }
      },
    ],
    [
      "no encoder",
      "has no tensor of a small in the names of torchvision, timm or Hugging Face, such as conv1.weight",
      (tensors) => {
        tensors.clear();
        tensors.set("x", floats([1]));
      },
    ],
  ];

  test.each(cases)("%s", async (_, message, change) => {
    const tensors = tensorsOf(TORCHVISION);
    change(tensors);
    const { store } = encoder(true);
    const before = store.arenas.parameters.slice();
    await expect(loadPretrained(written(tensors), SMALL, store)).rejects.toThrow(message);
    expect(store.arenas.parameters).toEqual(before);
  });

  test("an archive of PyTorch", async () => {
    const file = join(folder, "encoder.pth");
    writeFileSync(file, "PK\u0003\u0004 and more");
    const { store } = encoder(true);
    await expect(loadPretrained(file, SMALL, store)).rejects.toThrow(
      "save its tensors as safetensors",
    );
  });

  test("a resnet34 for a resnet18, and the other way round", () => {
    const [shallow, deep] = [shapesOf(RESNETS.resnet18), shapesOf(RESNETS.resnet34)];
    expect(pretrainedEncoder(deep, RESNETS.resnet34, "f").tensors).toHaveLength(36 * 5);
    expect(() => pretrainedEncoder(deep, RESNETS.resnet18, "f")).toThrow(
      "f: does not fit the encoder of resnet18: also has, unlike a resnet18, layer1.2.conv1.weight",
    );
    expect(() => pretrainedEncoder(shallow, RESNETS.resnet34, "f")).toThrow(
      "f: does not fit the encoder of resnet34: lacks layer1.2.conv1.weight",
    );
  });
});

/** Names and shapes of torchvision's tensors, from the parameters of the graph. */
function shapesOf(resnet: Resnet): Map<string, Shape> {
  const g = graph();
  resnetEncoder({ g, training: true }, g.input("images", [1, 64, 64, 4]), resnet);
  const own = (name: string): string =>
    name.replace("encoder.", "").replace("running_variance", "running_var");
  return new Map(
    [...g.parameters, ...g.states].map(({ name, shape }) => {
      const [o, h, w, c] = shape;
      return [own(name), shape.length === 1 ? shape : [o, c === 4 ? 3 : c, h, w]];
    }),
  );
}

test("pretrained weights of nano are refused by the configuration", () => {
  expect(() => resolveConfig({ student_weights: "x.safetensors" }, "a.yaml")).toThrow(
    "a.yaml: student_weights: nano has no pretrained encoder; set student to resnet18 or resnet34",
  );
});

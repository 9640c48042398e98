// Exported students: read back and interpreted by the definitions of ONNX, they give this program's
// own depth; by onnxruntime-node too where it is installed.
import { describe, expect, test } from "vitest";
import type { ImageSize } from "../../../src/data/camera.ts";
import { encodeOnnx } from "../../../src/formats/onnx.ts";
import { runOnCpu } from "../../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../../src/graph/cpu_store.ts";
import { graph } from "../../../src/graph/graph.ts";
import { resnetEncoder } from "../../../src/student/encoder.ts";
import { unetDecoder } from "../../../src/student/decoder.ts";
import { randomStream } from "../../../src/tensor/random.ts";
import { resolveConfig } from "../../../src/train/config.ts";
import { predictionNetwork } from "../../../src/train/network.ts";
import { onnxBuilder } from "../../../src/train/onnx/builder.ts";
import { findOnnxRuntime } from "../../../src/train/onnx/runtime.ts";
import {
  studentModel,
  writeGraph,
  type ModelViews,
} from "../../../src/train/onnx/student_model.ts";
import type { StudentFile } from "../../../src/train/trained/student_bytes.ts";
import { earlierOrigin } from "../../../src/train/student_origin.ts";
import { interpret } from "./interpreter.ts";
import { readModel } from "./read_model.ts";

// Both sides compute in f64 with the same f32 weights; constants of the model are f32.
const TOLERANCE = 1e-5;
// f32 of another program, without the noise of a software adapter.
const RUNTIME_TOLERANCE = 1e-4;

/** Values that no mistake leaves alone, also where training starts with zeros and ones. */
function randomize(store: CpuStore): void {
  const random = randomStream(3);
  for (const [name, values] of store.states) {
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.fround(name.endsWith("variance") ? 0.5 + random.uniform() : random.normal());
    }
  }
  for (const { shape, offset, size, name } of store.layout.slots) {
    if (shape.length > 1 || name.startsWith("head")) continue;
    for (let i = offset; i < offset + size; i++) {
      store.arenas.parameters[i] = Math.fround(store.arenas.parameters[i] + 0.2 * random.normal());
    }
  }
}

function copied(from: CpuStore, to: CpuStore): void {
  to.arenas.parameters.set(from.arenas.parameters);
  for (const [name, values] of from.states) to.states.get(name)!.set(values);
}

interface Exported {
  readonly bytes: Uint8Array;
  readonly feeds: Readonly<Record<string, { shape: number[]; data: Float64Array }>>;
  readonly want: Float64Array;
}

function exported(
  written: Record<string, unknown>,
  views: number,
  height: number,
  width: number,
  modelViews: ModelViews = views,
): Exported {
  const file = randomStudent(written, { height, width });
  const { bytes } = studentModel(file, modelViews, { height, width });
  return { bytes, ...momentOf(file, views, { height, width }) };
}

/** A student with random numbers everywhere. */
function randomStudent(written: Record<string, unknown>, size: ImageSize): StudentFile {
  const config = resolveConfig(written, "test");
  const { g } = predictionNetwork(config, { views: 1, size, depth_max_m: 80 });
  const store = initialStore(g, 5);
  randomize(store);
  const origin = earlierOrigin("rig", 80);
  const load = (to: CpuStore): void => copied(store, to);
  return { config, depth_max_m: 80, steps: 1, origin, load };
}

/** A moment for the model, and the depth that it must give. */
function momentOf(file: StudentFile, views: number, size: ImageSize): Omit<Exported, "bytes"> {
  const { height, width } = size;
  const { g, request } = predictionNetwork(file.config, { views, size, depth_max_m: 80 });
  const store = initialStore(g, 0);
  file.load(store);
  const plane = height * width;
  const random = randomStream(8);
  const rgb = Float64Array.from({ length: views * 3 * plane }, () => Math.fround(random.uniform()));
  const focal = Float64Array.from({ length: views }, (_, v) => width * (0.75 + v / 16));
  const images = new Float64Array(views * plane * 4);
  for (let i = 0; i < rgb.length; i++) {
    const [map, pixel] = [Math.floor(i / plane), i % plane];
    images[(Math.floor(map / 3) * plane + pixel) * 4 + (map % 3)] = (rgb[i] - 0.45) / 0.225;
  }
  // The focal reference of the rig is 500 px.
  const focal_scale = focal.map((fx) => fx / width / (500 / 640));
  return {
    feeds: {
      images: { shape: [views, 3, height, width], data: rgb },
      focal_px: { shape: [views], data: focal },
    },
    want: runOnCpu(g, request, store, { images, focal_scale })["depth_m"],
  };
}

function worstOf(got: ArrayLike<number>, want: Float64Array): number {
  expect(got.length).toBe(want.length);
  return want.reduce((worst, value, i) => {
    const error = Math.abs(got[i] - value) / Math.max(1, Math.abs(value));
    return error <= worst ? worst : error;
  }, 0);
}

const found = await findOnnxRuntime();

describe.each([
  ["metric bins", { head: { bins: 16 } }, 2],
  ["softmax bins", { head: { kind: "softmax_bins", bins: 16 } }, 1],
  ["attention of three views", { student_attention: "neighbours", head: { bins: 8 } }, 3],
] as const)("nano with %s", (_, config, views) => {
  const model = exported(config, views, 32, 64);
  const read = readModel(model.bytes);

  test("gives its own depth by the definitions of ONNX", () => {
    const depth = interpret(read, model.feeds).get("depth_m")!;
    expect(depth.shape).toEqual([views, 1, 32, 64]);
    expect(worstOf(depth.data, model.want)).toBeLessThan(TOLERANCE);
  });

  test("says what it is", () => {
    expect([read.ir, read.opset]).toEqual([8, 17]);
    expect(read.inputs).toEqual([
      { name: "images", shape: [views, 3, 32, 64] },
      { name: "focal_px", shape: [views] },
    ]);
    expect(read.outputs).toEqual([{ name: "depth_m", shape: [views, 1, 32, 64] }]);
    expect(read.metadata.get("config")).toContain("student: nano");
    // Every tensor of the file is used, and the weights have the student's names.
    const used = new Set(read.nodes.flatMap(({ inputs }) => inputs));
    expect([...read.tensors.keys()].filter((name) => !used.has(name))).toEqual([]);
    expect(read.tensors.get("encoder.1.down.weight")?.shape).toEqual([16, 4, 3, 3]);
  });

  test.skipIf("missing" in found)("gives its own depth in onnxruntime-node", async () => {
    if (!("runtime" in found)) return;
    const feeds = Object.fromEntries(
      Object.entries(model.feeds).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data) },
      ]),
    );
    const depth = await found.runtime.run(model.bytes, feeds, "depth_m");
    expect(worstOf(depth, model.want)).toBeLessThan(RUNTIME_TOLERANCE);
  });
});

describe.each([
  // At low temperatures the other head amplifies the rounding of f32 constants beyond the tolerance.
  ["nano", { head: { kind: "softmax_bins", bins: 8 } }, [1, 2, 4]],
  [
    "nano with attention of neighbours",
    { student_attention: "neighbours", head: { bins: 8 } },
    [3, 5],
  ],
] as const)("one model of %s for any number of cameras", (_, network, counts) => {
  const size = { height: 32, width: 64 };
  const file = randomStudent(network, size);
  const { bytes } = studentModel(file, "any", size);
  const read = readModel(bytes);

  test.each(counts)("gives the depth of %i", async (views) => {
    const { feeds, want } = momentOf(file, views, size);
    const depth = interpret(read, feeds).get("depth_m")!;
    expect(depth.shape).toEqual([views, 1, 32, 64]);
    expect(worstOf(depth.data, want)).toBeLessThan(TOLERANCE);
    if ("missing" in found) return;
    const given = Object.entries(feeds).map(([name, { shape, data }]) => {
      return [name, { shape, data: Float32Array.from(data) }] as const;
    });
    const own = await found.runtime.run(bytes, Object.fromEntries(given), "depth_m");
    expect(worstOf(own, want)).toBeLessThan(RUNTIME_TOLERANCE);
  });

  test("names the open axis", () => {
    expect(read.inputs.map(({ shape }) => shape)).toEqual([["views", 3, 32, 64], ["views"]]);
    expect(read.outputs[0].shape).toEqual(["views", 1, 32, 64]);
  });
});

test("a residual encoder and its decoder are the same by the definitions of ONNX", () => {
  const g = graph();
  const net = { g, training: false };
  const small = { name: "small", channels: [4, 6, 8, 10], blocks: [1, 2, 1, 1] };
  const features = resnetEncoder(net, g.input("images", [1, 64, 64, 4]), small);
  const convolution = { reflect: true, activation: "elu" } as const;
  const last = unetDecoder(net, features, { channels: [8, 6, 5, 4], convolution }).at(-1)!;
  const store = initialStore(g, 2);
  randomize(store);
  const to = onnxBuilder();
  const name = writeGraph(to, g, last, store, { images: "images" });
  const port = { name: "images", shape: [1, 64, 64, 4], about: "" };
  const bytes = encodeOnnx({
    name: "small",
    producer: "test",
    about: "",
    inputs: [port],
    outputs: [{ ...port, name, shape: last.shape }],
    tensors: to.tensors,
    nodes: to.nodes,
    metadata: {},
  });
  const random = randomStream(4);
  const data = Float64Array.from({ length: 64 * 64 * 4 }, () => random.normal());
  const got = interpret(readModel(bytes), { images: { shape: port.shape, data } }).get(name)!;
  const want = runOnCpu(g, { outputs: { last } }, store, { images: data })["last"];
  expect(got.shape).toEqual(last.shape);
  expect(worstOf(got.data, want)).toBeLessThan(TOLERANCE);
});

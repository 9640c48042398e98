// onnxruntime-web's WebGPU provider: inference and, as graphs of forward operators, those gradients
// that have one. Declares only what the bench calls; onnxruntime is Microsoft's, under the MIT
// licence.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeOnnx, type OnnxAttribute, type OnnxNode } from "../../src/formats/onnx.ts";
import { createBuffer, STORAGE_USAGE } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { ORDERS, inverse, permuted, type Contender, type HostTensor } from "./contender.ts";
import { load } from "./install.ts";
import { EPSILON, HEADS, TOKEN_WIDTH, VIEWS } from "./problems.ts";
import type { Op, PeerCase, ProblemOf } from "./problems.ts";

interface OrtTensor {
  readonly dims: readonly number[];
  readonly getData: () => Promise<Float32Array>;
  readonly dispose: () => void;
}
interface OrtSession {
  readonly run: (feeds: Readonly<Record<string, OrtTensor>>) => Promise<Record<string, OrtTensor>>;
}
interface Ort {
  readonly env: { readonly wasm: { wasmBinary: Uint8Array; numThreads: number }; logLevel: string };
  readonly InferenceSession: {
    readonly create: (model: Uint8Array, options: object) => Promise<OrtSession>;
  };
  readonly Tensor: {
    readonly fromGpuBuffer: (buffer: GPUBuffer, options: object) => OrtTensor;
  };
}

/** A model: inputs and constants by name, nodes, and the shapes of `output0`, `output1` … */
interface Model {
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly constants?: Readonly<Record<string, HostTensor>>;
  readonly nodes: readonly OnnxNode[];
  readonly outputs: readonly Shape[];
  /** The way back to our layout. */
  readonly order?: readonly number[];
}

/** Loads it on the device of `gpu`. */
export async function onnx(gpu: Gpu): Promise<(peer: PeerCase) => Promise<Contender>> {
  sendOwnMemory(gpu.device.queue);
  const entry = load.resolve("onnxruntime-web/webgpu");
  const ort = (await import(entry.replace(/[^/\\]*$/u, "ort.webgpu.mjs"))) as Ort;
  const binary = join(dirname(entry), "ort-wasm-simd-threaded.asyncify.wasm");
  ort.env.wasm.wasmBinary = readFileSync(binary);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return async ({ problem, inputs }) => {
    const prepare = problem.op === "step" ? null : FUNCTIONS[problem.op];
    const model = (prepare as ((from: object, problem: object) => Model | null) | null)?.(
      inputs,
      problem,
    );
    if (model === null || model === undefined) throw new Error("it has no gradient of this");
    return await session(gpu, ort, model);
  };
}

/** Lets `writeBuffer` take views on shared memory, which Dawn for Node refuses: by a copy. */
function sendOwnMemory(queue: GPUQueue): void {
  const write = queue.writeBuffer.bind(queue);
  const copying = (
    buffer: GPUBuffer,
    at: number,
    data: ArrayBufferView,
    ...part: number[]
  ): void => {
    const { buffer: memory, byteOffset, byteLength } = data;
    if (!(memory instanceof SharedArrayBuffer)) {
      write(buffer, at, data as BufferSource, ...part);
      return;
    }
    const bytes = new Uint8Array(new Uint8Array(memory, byteOffset, byteLength));
    // a view of bytes counts `part` in bytes, as the engine's own views do
    write(buffer, at, bytes, ...part);
  };
  Object.defineProperty(queue, "writeBuffer", { value: copying, configurable: true });
}

async function session(gpu: Gpu, ort: Ort, model: Model): Promise<Contender> {
  const { inputs, constants = {}, nodes, outputs, order } = model;
  const port = (name: string, shape: Shape) => ({ name, shape, about: "" });
  const bytes = encodeOnnx({
    name: "peer",
    producer: "ringdepth",
    about: "",
    inputs: Object.entries(inputs).map(([name, { shape }]) => port(name, shape)),
    outputs: outputs.map((shape, i) => port(`output${i}`, shape)),
    tensors: Object.entries(constants).map(([name, { shape, data }]) => ({ name, shape, data })),
    nodes,
    metadata: {},
  });
  const made = await ort.InferenceSession.create(bytes, {
    executionProviders: [{ name: "webgpu", device: gpu.device }],
    preferredOutputLocation: "gpu-buffer",
  });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => {
      const { buffer } = createBuffer(gpu, name, 4 * size(shape), STORAGE_USAGE);
      gpu.device.queue.writeBuffer(buffer, 0, data as BufferSource);
      const options = { dataType: "float32", dims: shape };
      return [name, ort.Tensor.fromGpuBuffer(buffer, options)];
    }),
  );
  return {
    run: async () => {
      const results = await made.run(feeds);
      await gpu.device.queue.onSubmittedWorkDone();
      for (const one of Object.values(results)) one.dispose();
    },
    results: async () => {
      const results = await made.run(feeds);
      const values: Float32Array[] = [];
      for (const [i, shape] of outputs.entries()) {
        const host = { shape, data: Float32Array.from(await results[`output${i}`].getData()) };
        values.push((order === undefined ? host : permuted(host, order)).data);
      }
      return values;
    },
  };
}

type Inputs = PeerCase["inputs"];
type Functions = {
  readonly [K in Exclude<Op, "step">]: (inputs: Inputs, problem: ProblemOf<K>) => Model | null;
};

const FUNCTIONS: Functions = {
  matmul: ({ a, b, d_y }, { gradient }): Model => ({
    inputs: gradient ? { a, b, d_y } : { a, b },
    nodes: gradient
      ? [
          node("Transpose", ["b"], "bt", { perm: { ints: [1, 0] } }),
          node("Transpose", ["a"], "at", { perm: { ints: [1, 0] } }),
          node("MatMul", ["d_y", "bt"], "output0"),
          node("MatMul", ["at", "d_y"], "output1"),
        ]
      : [node("MatMul", ["a", "b"], "output0")],
    outputs: gradient ? [a.shape, b.shape] : [d_y.shape],
  }),
  conv: ({ x, weight, d_y }, { kernel, stride, part }): Model | null => {
    if (part === "d_weight") return null;
    const pad = (kernel - 1) / 2;
    const how = { strides: { ints: [stride, stride] }, pads: { ints: [pad, pad, pad, pad] } };
    const filter = permuted(weight, ORDERS.outputsInputs);
    const image = permuted(x, ORDERS.channelsFirst);
    const d_image = permuted(d_y, ORDERS.channelsFirst);
    const constants = { filter };
    const order = inverse(ORDERS.channelsFirst);
    if (part === "y") {
      const nodes = [node("Conv", ["image", "filter"], "output0", how)];
      return { inputs: { image }, constants, nodes, outputs: [d_image.shape], order };
    }
    // the derivative with respect to the image is the transposed convolution
    const attributes = { ...how, output_padding: { ints: [stride - 1, stride - 1] } };
    const nodes = [node("ConvTranspose", ["d_image", "filter"], "output0", attributes)];
    return { inputs: { d_image }, constants, nodes, outputs: [image.shape], order };
  },
  softmax: ({ logits }) => ({
    inputs: { logits },
    nodes: [node("Softmax", ["logits"], "output0")],
    outputs: [logits.shape],
  }),
  expectation: ({ logits, centers, d_y }, { gradient }): Model | null => {
    if (gradient) return null;
    const bins = logits.shape.at(-1)!;
    return {
      inputs: { logits },
      constants: { centers: { shape: [bins, 1], data: centers.data } },
      nodes: [node("Softmax", ["logits"], "p"), node("MatMul", ["p", "centers"], "output0")],
      outputs: [d_y.shape],
    };
  },
  attention: (inputs, { gradient }): Model | null => {
    if (gradient) return null;
    const [q, k, v] = ["q", "k", "v"].map((name) => {
      const { data, shape } = inputs[name];
      const heads = { data, shape: [VIEWS, shape[1], HEADS, TOKEN_WIDTH / HEADS] };
      return permuted(heads, ORDERS.headsFirst);
    });
    const kt = permuted(k, [0, 1, 3, 2]);
    const scale = { shape: [1], data: Float32Array.of((TOKEN_WIDTH / HEADS) ** -0.5) };
    return {
      inputs: { q, kt, v },
      constants: { scale },
      nodes: [
        node("MatMul", ["q", "kt"], "products"),
        node("Mul", ["products", "scale"], "scores"),
        node("Softmax", ["scores"], "p"),
        node("MatMul", ["p", "v"], "output0"),
      ],
      outputs: [q.shape],
      order: ORDERS.headsFirst,
    };
  },
  layer_norm: ({ x, gamma, beta }, { gradient }): Model | null => {
    if (gradient) return null;
    return {
      inputs: { x },
      constants: { gamma, beta },
      nodes: [
        node("LayerNormalization", ["x", "gamma", "beta"], "output0", {
          epsilon: { float: EPSILON },
        }),
      ],
      outputs: [x.shape],
    };
  },
  gelu: ({ x }) => {
    const one = (value: number): HostTensor => ({ shape: [1], data: Float32Array.of(value) });
    return {
      inputs: { x },
      constants: { root: one(Math.SQRT2), one: one(1), half: one(0.5) },
      // the pattern that it replaces by its own Gelu
      nodes: [
        node("Div", ["x", "root"], "scaled"),
        node("Erf", ["scaled"], "erf"),
        node("Add", ["erf", "one"], "shifted"),
        node("Mul", ["x", "shifted"], "product"),
        node("Mul", ["product", "half"], "output0"),
      ],
      outputs: [x.shape],
    };
  },
  upsample: ({ x }) => {
    const image = permuted(x, ORDERS.channelsFirst);
    const [views, channels, height, width] = image.shape;
    return {
      inputs: { image },
      constants: { scales: { shape: [4], data: Float32Array.of(1, 1, 2, 2) } },
      nodes: [
        node("Resize", ["image", "", "scales"], "output0", {
          mode: { text: "linear" },
          coordinate_transformation_mode: { text: "half_pixel" },
        }),
      ],
      outputs: [[views, channels, 2 * height, 2 * width]],
      order: inverse(ORDERS.channelsFirst),
    };
  },
};

function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode {
  return { op, inputs, outputs: [output], attributes };
}

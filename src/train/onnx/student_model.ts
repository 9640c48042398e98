// A trained student as an ONNX model: images and focal lengths in, depth in metres out, for any number
// of cameras or a fixed one, and a fixed size.
import type { ImageSize } from "../../data/camera.ts";
import { encodeOnnx, ONNX_OPSET, type OnnxModel, type OnnxPort } from "../../formats/onnx.ts";
import { initialStore, type CpuStore } from "../../graph/cpu_store.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Node, Value } from "../../graph/value.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape } from "../../tensor/shape.ts";
import { formatConfig } from "../config/text.ts";
import { predictionNetwork } from "../network.ts";
import type { StudentFile } from "../trained/student_bytes.ts";
import { onnxBuilder, type Name, type OnnxBuilder } from "./builder.ts";
import { writeOp, type OnnxInput } from "./op_rules.ts";

/** A model as a file, with what its user needs to know. */
export interface StudentModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly opset: number;
  readonly nodes: number;
}

/** The inputs of the model and its output, by name. */
export const PORTS = { images: "images", focal: "focal_px", depth: "depth_m" } as const;

/** The number of cameras of a model: fixed, or any that its network allows. */
export type ModelViews = number | "any";

/** The name of the axis of cameras where their number is open. */
const VIEWS_AXIS = "views";

/**
 * The least number of cameras of a model for any number: attention of neighbours has another form for
 * one and two cameras, whose neighbours coincide.
 */
export function leastViews({ config }: StudentFile): number {
  return config.student_attention === "neighbours" ? 3 : 1;
}

/**
 * The student as a model for `views` cameras in ring order and images of `size`: images [V,3,H,W] RGB
 * from 0 to 1, focal_px [V] focal lengths fx in pixels of these images -> depth_m [V,1,H,W] metres.
 * Throws InputError for a student that the file does not fill or an op without a form in ONNX.
 */
export function studentModel(file: StudentFile, views: ModelViews, size: ImageSize): StudentModel {
  const { config, depth_max_m, origin } = file;
  const body = views === "any" ? openBody(file, size) : modelBody(file, views, size);
  const { height, width } = size;
  const axis = views === "any" ? VIEWS_AXIS : views;
  const inputs = [
    {
      name: PORTS.images,
      shape: [axis, 3, height, width],
      about: "RGB from 0 to 1, cameras in ring order",
    },
    {
      name: PORTS.focal,
      shape: [axis],
      about: "focal length fx of each camera in pixels of these images",
    },
  ];
  const outputs = [
    { name: PORTS.depth, shape: [axis, 1, height, width], about: "depth along z in metres" },
  ];
  const cameras = views === "any" ? `${leastViews(file)} or more` : String(views);
  const bytes = encodeOnnx({
    name: config.student,
    producer: "ringdepth",
    about: `${config.student}, a depth student for ${cameras} cameras of ${height}x${width}`,
    inputs,
    outputs,
    ...body,
    metadata: {
      config: formatConfig(config),
      cameras: (origin.cameras ?? []).map(({ name }) => name).join(", "),
      depth_max_m: String(depth_max_m),
    },
  });
  return { bytes, inputs, outputs, opset: ONNX_OPSET, nodes: body.nodes.length };
}

/** The part of a model between its inputs and its output. */
type ModelBody = Pick<OnnxModel, "nodes" | "tensors">;

/** Throws an Error unless two numbers of cameras give the same nodes and tensors. */
function openBody(file: StudentFile, size: ImageSize): ModelBody {
  // From three cameras on the network has the same ops.
  const [body, other] = [3, 4].map((views) => modelBody(file, views, size));
  const bytesOf = (one: ModelBody): Uint8Array => {
    const empty = { name: "", producer: "", about: "", inputs: [], outputs: [], metadata: {} };
    return encodeOnnx({ ...empty, ...one });
  };
  if (Buffer.compare(bytesOf(body), bytesOf(other)) === 0) return body;
  throw new Error("the exported network depends on the number of cameras");
}

function modelBody(file: StudentFile, views: number, size: ImageSize): ModelBody {
  const { config, depth_max_m, origin } = file;
  const { g, request } = predictionNetwork(config, { views, size, depth_max_m });
  const store = initialStore(g, 0);
  file.load(store);
  const { height, width } = size;
  const to = onnxBuilder();
  const { mean, deviation } = origin.scale.normalization;
  const shift = to.add("Sub", [PORTS.images, to.numbers(mean)]);
  const normalized = to.add("Div", [shift, to.numbers(deviation)]);
  const last = to.transpose(normalized, [0, 2, 3, 1]);
  // The student's fourth channel is 0.
  const images = to.add("Pad", [last, to.whole([0, 0, 0, 0, 0, 0, 0, 1])], {
    mode: { text: "constant" },
  });
  const focal = to.numbers(640 / (width * origin.scale.focalReference_px));
  const given = { images, focal_scale: to.add("Mul", [PORTS.focal, focal]) };
  const depth = writeGraph(to, g, request.outputs["depth_m"], store, given);
  // Not by the builder, which takes the axis after a single camera for the open one.
  const names = to.add("Reshape", [depth, to.whole([-1, 1, height, width])]);
  const nodes = to.nodes.map((node) =>
    node.outputs[0] === names ? { ...node, outputs: [PORTS.depth] } : node,
  );
  return { nodes, tensors: to.tensors };
}

/**
 * Writes the nodes that `output` depends on, in recorded order, with parameters and states of `store`;
 * `given` names the inputs of the graph. Returns the name of `output`. Throws InputError for an op
 * without a form in ONNX.
 */
export function writeGraph(
  to: OnnxBuilder,
  g: Graph,
  output: Value,
  store: CpuStore,
  given: Readonly<Record<string, Name>>,
): Name {
  const names = new Map<Value, Name>();
  const computed = (value: Value, name: Name): OnnxInput => {
    names.set(value, name);
    return { label: value.name, name, shape: value.shape, values: null };
  };
  const constant = ({ name: label, shape }: Value, values: Float32Array): OnnxInput => ({
    label,
    shape,
    values,
    get name() {
      return to.named(label, shape, values);
    },
  });
  const inputOf = (value: Value): OnnxInput => {
    const { name, shape, source } = value;
    const known = names.get(value);
    if (known !== undefined) return computed(value, known);
    switch (source.kind) {
      case "view":
        return computed(value, to.reshape(inputOf(source.of).name, shape));
      case "input":
        return computed(value, given[name]);
      case "parameter": {
        const { offset, size } = store.layout.byName.get(name)!;
        const values = store.arenas.parameters.subarray(offset, offset + size);
        return constant(value, Float32Array.from(values));
      }
      case "state":
        return constant(value, Float32Array.from(store.states.get(name)!));
      case "constant":
        return constant(value, source.data);
      default:
        throw new InputError(`export to ONNX: ${name}${formatShape(shape)} is a ${source.kind}`);
    }
  };
  const needed = nodesOf(output);
  for (const node of g.nodes) {
    if (!needed.has(node)) continue;
    const inputs = node.inputs.map((value) => (value === null ? null : inputOf(value)));
    const outputs = node.outputs.map(({ shape }) => shape);
    const made = writeOp(node.op.name, { to, inputs, outputs, attributes: node.attributes });
    made.forEach((name, i) => names.set(node.outputs[i], name));
  }
  return inputOf(output).name;
}

/** The nodes that a value depends on. */
function nodesOf(output: Value): ReadonlySet<Node> {
  const needed = new Set<Node>();
  const visit = (value: Value | null): void => {
    if (value === null) return;
    const { source } = value;
    if (source.kind === "view") visit(source.of);
    if (source.kind !== "result" || needed.has(source.node)) return;
    needed.add(source.node);
    for (const input of source.node.inputs) visit(input);
  };
  visit(output);
  return needed;
}

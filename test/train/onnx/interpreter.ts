// The operators that exported students use, by their definitions in ONNX (opset 17), in f64 and without
// any of the engine's code.
import type { ReadModel, ReadNode, Tensor } from "./read_model.ts";

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => count(shape.slice(axis + 1)));
}

/** A tensor whose element at `index` is `of(index)`. */
function make(shape: readonly number[], of: (index: number[], at: number) => number): Tensor {
  const data = new Float64Array(count(shape));
  const index = shape.map(() => 0);
  for (let at = 0; at < data.length; at++) {
    data[at] = of(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return { shape, data };
}

function reader({ shape, data }: Tensor): (index: readonly number[]) => number {
  const strides = stridesOf(shape);
  return (index) => {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) at += index[axis] * strides[axis];
    return data[at];
  };
}

const map = ({ shape, data }: Tensor, f: (x: number) => number): Tensor => ({
  shape,
  data: data.map(f),
});

function broadcast(a: Tensor, b: Tensor, f: (x: number, y: number) => number): Tensor {
  const rank = Math.max(a.shape.length, b.shape.length);
  const axis = (t: Tensor, i: number): number => t.shape[i - rank + t.shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, i) => Math.max(axis(a, i), axis(b, i)));
  const side = (t: Tensor): ((index: readonly number[]) => number) => {
    const read = reader(t);
    const skip = rank - t.shape.length;
    const own = t.shape.map(() => 0);
    return (index) => {
      for (let i = 0; i < own.length; i++) own[i] = t.shape[i] === 1 ? 0 : index[i + skip];
      return read(own);
    };
  };
  const [left, right] = [side(a), side(b)];
  return make(shape, (index) => f(left(index), right(index)));
}

type Attributes = ReadNode["attributes"];
const list = (attributes: Attributes, name: string): number[] => attributes.get(name) as number[];
const whole = (attributes: Attributes, name: string, other = 0): number =>
  (attributes.get(name) as number | undefined) ?? other;

function fold(x: Tensor, axes: readonly number[], keep: boolean, mean: boolean): Tensor {
  const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  const strides = stridesOf(kept);
  const sums = new Float64Array(count(kept));
  make(x.shape, (index, at) => {
    const to = index.reduce(
      (sum, i, axis) => sum + (axes.includes(axis) ? 0 : i * strides[axis]),
      0,
    );
    sums[to] += x.data[at];
    return 0;
  });
  const n = count(x.shape) / count(kept);
  const shape = keep ? kept : kept.filter((_, axis) => !axes.includes(axis));
  return { shape, data: mean ? sums.map((v) => v / n) : sums };
}

/** Windows over [N, C, H, W]; `at` gets the input row and column, or -1 outside. */
function windows(
  x: Tensor,
  attributes: Attributes,
): { out: number[]; source: (o: number, k: number, axis: 0 | 1) => number } {
  const [kernel, steps, pads] = ["kernel_shape", "strides", "pads"].map((name) =>
    list(attributes, name),
  );
  const dilations = list(attributes, "dilations");
  const size = (axis: 0 | 1): number =>
    Math.floor(
      (x.shape[axis + 2] + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1) /
        steps[axis],
    ) + 1;
  return {
    out: [size(0), size(1)],
    source: (o, k, axis) => {
      const at = o * steps[axis] - pads[axis] + k * dilations[axis];
      return at < 0 || at >= x.shape[axis + 2] ? -1 : at;
    },
  };
}

function conv(x: Tensor, weight: Tensor, bias: Tensor | undefined, attributes: Attributes): Tensor {
  const { out, source } = windows(x, attributes);
  const [, channels, height, width] = x.shape;
  const [, , kh, kw] = weight.shape;
  return make([x.shape[0], weight.shape[0], ...out], ([n, o, row, column]) => {
    let sum = bias?.data[o] ?? 0;
    for (let i = 0; i < kh; i++) {
      const y = source(row, i, 0);
      if (y < 0) continue;
      for (let j = 0; j < kw; j++) {
        const z = source(column, j, 1);
        if (z < 0) continue;
        for (let c = 0; c < channels; c++) {
          sum +=
            x.data[((n * channels + c) * height + y) * width + z] *
            weight.data[((o * channels + c) * kh + i) * kw + j];
        }
      }
    }
    return sum;
  });
}

function maxPool(x: Tensor, attributes: Attributes): Tensor {
  const { out, source } = windows(x, attributes);
  const [kh, kw] = list(attributes, "kernel_shape");
  const read = reader(x);
  return make([x.shape[0], x.shape[1], ...out], ([n, c, row, column]) => {
    let most = -Infinity;
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const [y, z] = [source(row, i, 0), source(column, j, 1)];
        if (y >= 0 && z >= 0) most = Math.max(most, read([n, c, y, z]));
      }
    }
    return most;
  });
}

function resize(x: Tensor, sizes: readonly number[], attributes: Attributes): Tensor {
  const position = (o: number, n: number, m: number): number => {
    switch (attributes.get("coordinate_transformation_mode")) {
      case "half_pixel":
        return ((o + 0.5) * n) / m - 0.5;
      case "align_corners":
        return m === 1 ? 0 : (o * (n - 1)) / (m - 1);
      default:
        return (o * n) / m;
    }
  };
  const read = reader(x);
  const inside = (i: number, n: number): number => Math.min(Math.max(i, 0), n - 1);
  const [, , h, w] = x.shape;
  return make(sizes, ([n, c, row, column]) => {
    const [y, z] = [position(row, h, sizes[2]), position(column, w, sizes[3])];
    if (attributes.get("mode") === "nearest") {
      return read([n, c, inside(Math.floor(y), h), inside(Math.floor(z), w)]);
    }
    const [i, j] = [Math.floor(y), Math.floor(z)];
    let sum = 0;
    for (const [row_at, a] of [
      [i, 1 - (y - i)],
      [i + 1, y - i],
    ] as const) {
      for (const [column_at, b] of [
        [j, 1 - (z - j)],
        [j + 1, z - j],
      ] as const) {
        if (a * b !== 0) sum += a * b * read([n, c, inside(row_at, h), inside(column_at, w)]);
      }
    }
    return sum;
  });
}

function pad(x: Tensor, pads: readonly number[], value: number, mode: unknown): Tensor {
  const read = reader(x);
  const shape = x.shape.map((n, axis) => n + pads[axis] + pads[axis + x.shape.length]);
  return make(shape, (index) => {
    const at = index.map((i, axis) => i - pads[axis]);
    const isOutside = at.some((i, axis) => i < 0 || i >= x.shape[axis]);
    if (isOutside && mode === "constant") return value;
    return read(
      at.map((i, axis) => (i < 0 ? -i : i >= x.shape[axis] ? 2 * (x.shape[axis] - 1) - i : i)),
    );
  });
}

function matMul(a: Tensor, b: Tensor): Tensor {
  const [height, inner, columns] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const isShared = b.shape.length === 2;
  return make([...a.shape.slice(0, -1), columns], (_, at) => {
    const column = at % columns;
    const row = Math.floor(at / columns);
    const matrix = isShared ? 0 : Math.floor(row / height);
    let sum = 0;
    for (let k = 0; k < inner; k++)
      sum += a.data[row * inner + k] * b.data[(matrix * inner + k) * columns + column];
    return sum;
  });
}

/** Applies `f` to each row along the last axis. */
function rows({ shape, data }: Tensor, f: (row: Float64Array) => Float64Array): Tensor {
  const width = shape.at(-1)!;
  const made = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += width) made.set(f(data.subarray(at, at + width)), at);
  return { shape, data: made };
}

function softmax(row: Float64Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b));
  const exps = row.map((x) => Math.exp(x - most));
  const sum = exps.reduce((a, b) => a + b);
  return exps.map((x) => x / sum);
}

function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const shape = [...tensors[0].shape];
  shape[axis] = tensors.reduce((sum, t) => sum + t.shape[axis], 0);
  const reads = tensors.map(reader);
  return make(shape, (index) => {
    const own = [...index];
    const which = tensors.findIndex((t) => {
      if (own[axis] < t.shape[axis]) return true;
      own[axis] -= t.shape[axis];
      return false;
    });
    return reads[which](own);
  });
}

/** erf by its series and continued fraction, to f64. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  let [sum, term] = [0, z];
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1);
    term *= (-z * z) / (n + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

function run(
  { op, attributes }: ReadNode,
  [a, b, c, d, e]: readonly (Tensor | undefined)[],
): Tensor {
  const x = a!;
  switch (op) {
    case "Add":
      return broadcast(x, b!, (p, q) => p + q);
    case "Sub":
      return broadcast(x, b!, (p, q) => p - q);
    case "Mul":
      return broadcast(x, b!, (p, q) => p * q);
    case "Div":
      return broadcast(x, b!, (p, q) => p / q);
    case "Relu":
      return map(x, (p) => Math.max(p, 0));
    case "Elu":
      return map(x, (p) => (p > 0 ? p : (attributes.get("alpha") as number) * Math.expm1(p)));
    case "Exp":
      return map(x, Math.exp);
    case "Log":
      return map(x, Math.log);
    case "Neg":
      return map(x, (p) => -p);
    case "Abs":
      return map(x, Math.abs);
    case "Sqrt":
      return map(x, Math.sqrt);
    case "Atanh":
      return map(x, Math.atanh);
    case "Erf":
      return map(x, erf);
    case "Clip":
      return map(x, (p) => Math.min(Math.max(p, b!.data[0]), c!.data[0]));
    case "Transpose": {
      const permutation = list(attributes, "perm");
      const read = reader(x);
      return make(
        permutation.map((axis) => x.shape[axis]),
        (index) => read(x.shape.map((_, axis) => index[permutation.indexOf(axis)])),
      );
    }
    case "Reshape": {
      const known = b!.data.reduce((product, axis) => (axis < 0 ? product : product * axis), 1);
      const open = x.data.length / known;
      return { shape: Array.from(b!.data, (axis) => (axis < 0 ? open : axis)), data: x.data };
    }
    case "Shape": {
      const axes = x.shape.slice(
        whole(attributes, "start"),
        whole(attributes, "end", x.shape.length),
      );
      return { shape: [axes.length], data: Float64Array.from(axes) };
    }
    case "Unsqueeze":
      return { shape: x.shape.toSpliced(b!.data[0], 0, 1), data: x.data };
    case "Pad":
      return pad(x, [...b!.data], c?.data[0] ?? 0, attributes.get("mode"));
    case "Conv":
      return conv(x, b!, c, attributes);
    case "MaxPool":
      return maxPool(x, attributes);
    case "Resize":
      return resize(x, [...d!.data], attributes);
    case "MatMul":
      return matMul(x, b!);
    case "ReduceMean":
      return fold(x, list(attributes, "axes"), whole(attributes, "keepdims", 1) === 1, true);
    case "ReduceSum":
      return fold(x, [...b!.data], whole(attributes, "keepdims", 1) === 1, false);
    case "Softmax":
      return rows(x, softmax);
    case "CumSum": {
      return rows(x, (row) => {
        let sum = 0;
        return row.map((value) => (sum += value) - value);
      });
    }
    case "ArgMax": {
      const width = x.shape.at(-1)!;
      return make([...x.shape.slice(0, -1), 1], (_, at) => {
        const row = x.data.subarray(at * width, (at + 1) * width);
        return row.indexOf(row.reduce((p, q) => Math.max(p, q)));
      });
    }
    case "Gather":
      return map(b!, (i) => x.data[i]);
    case "Concat":
      throw new Error("Concat has any number of inputs");
    case "Slice": {
      const axes = [...d!.data];
      const read = reader(x);
      const of = (t: Tensor | undefined, axis: number, other: number): number =>
        axes.includes(axis) ? (t?.data[axes.indexOf(axis)] ?? other) : other;
      const step = (axis: number): number => of(e, axis, 1);
      const place = (at: number, n: number): number => Math.min(n, at < 0 ? at + n : at);
      const begins = x.shape.map((n, axis) => place(of(b, axis, 0), n));
      const shape = x.shape.map((n, axis) =>
        Math.ceil((place(of(c, axis, n), n) - begins[axis]) / step(axis)),
      );
      return make(shape, (index) => read(index.map((i, axis) => begins[axis] + i * step(axis))));
    }
    default:
      throw new Error(`the interpreter does not know ${op}`);
  }
}

/** Runs a model; throws where a node reads a tensor that is not there yet. */
export function interpret(
  model: ReadModel,
  feeds: Readonly<Record<string, Tensor>>,
): ReadonlyMap<string, Tensor> {
  const known = new Map<string, Tensor>([...model.tensors, ...Object.entries(feeds)]);
  for (const node of model.nodes) {
    const inputs = node.inputs.map((name) => {
      if (name !== "" && !known.has(name)) throw new Error(`${node.op}: ${name} is not known yet`);
      return known.get(name);
    });
    const [output] = node.outputs;
    if (known.has(output)) throw new Error(`${output} is written twice`);
    const made =
      node.op === "Concat"
        ? concat(inputs as Tensor[], whole(node.attributes, "axis"))
        : run(node, inputs);
    known.set(output, made);
  }
  return known;
}

// Turns a call of MLGraphBuilder as two sources write it down into a plain case: operands in a
// fixed order as inputs, the rest of arguments and options as attributes. wpt-webnn names its
// arguments, webnn-baseline lists them.
import type { VectorCase, VectorTensor } from "../vectors.ts";

interface Signature {
  /** Arguments in order; those that are operands begin with "$", a list of operands with "$$". */
  readonly parameters: readonly string[];
  /** Options that are operands. */
  readonly operands?: readonly string[];
}

const one: Signature = { parameters: ["$input"] };
const two: Signature = { parameters: ["$a", "$b"] };
const window: Signature = { parameters: ["$input", "$filter"], operands: ["bias"] };
const SIGNATURES: Readonly<Record<string, Signature>> = {
  add: two,
  sub: two,
  mul: two,
  div: two,
  max: two,
  min: two,
  pow: two,
  matmul: two,
  equal: two,
  greater: two,
  greaterOrEqual: two,
  lesser: two,
  lesserOrEqual: two,
  where: { parameters: ["$condition", "$trueValue", "$falseValue"] },
  prelu: { parameters: ["$input", "$slope"] },
  gemm: { parameters: ["$a", "$b"], operands: ["c"] },
  conv2d: window,
  convTranspose2d: window,
  batchNormalization: { parameters: ["$input", "$mean", "$variance"], operands: ["scale", "bias"] },
  instanceNormalization: { parameters: ["$input"], operands: ["scale", "bias"] },
  layerNormalization: { parameters: ["$input"], operands: ["scale", "bias"] },
  concat: { parameters: ["$$inputs", "axis"] },
  expand: { parameters: ["$input", "newShape"] },
  pad: { parameters: ["$input", "beginningPadding", "endingPadding"] },
  reshape: { parameters: ["$input", "newShape"] },
  slice: { parameters: ["$input", "starts", "sizes"] },
  softmax: { parameters: ["$input", "axis"] },
  split: { parameters: ["$input", "splits"] },
  tile: { parameters: ["$input", "repetitions"] },
  cast: { parameters: ["$input", "type"] },
};

/**
 * The case with its call taken apart; unchanged if the call is not understood; no offer then
 * accepts it.
 */
export function plainCall(given: VectorCase): VectorCase {
  const signature = SIGNATURES[given.operator] ?? one;
  const written = given.record["args"];
  const named = Array.isArray(written) ? nameArguments(written, signature) : written;
  if (typeof named !== "object" || named === null) return given;
  const { options, ...values } = named as Record<string, unknown>;
  const all: Record<string, unknown> = { ...values, ...(options as object | undefined) };
  const inputs: (VectorTensor | null)[] = [];
  const take = (name: string): unknown => {
    const value = all[name];
    delete all[name];
    return value;
  };
  for (const parameter of signature.parameters) {
    if (parameter.startsWith("$$")) {
      const list = take(parameter.slice(2));
      if (Array.isArray(list)) inputs.push(...list.map((item) => operand(given, item)));
    } else if (parameter.startsWith("$")) {
      const value = take(parameter.slice(1));
      // one file leaves the input of its calls unsaid
      inputs.push(value === undefined ? (given.inputs[0] ?? null) : operand(given, value));
    }
  }
  for (const name of signature.operands ?? []) inputs.push(operand(given, take(name)));
  return { ...given, inputs, attributes: all };
}

function nameArguments(
  values: readonly unknown[],
  { parameters }: Signature,
): Record<string, unknown> {
  const names = parameters.map((name) => name.replaceAll("$", ""));
  return Object.fromEntries(values.map((value, i) => [names[i] ?? "options", value]));
}

/** The input that an argument refers to by name or as `{"$t": name}`. */
function operand(given: VectorCase, value: unknown): VectorTensor | null {
  const name = typeof value === "object" && value !== null && "$t" in value ? value.$t : value;
  return given.inputs.find((tensor) => tensor?.name === name) ?? null;
}

// The part of test/oracle/README.md that outsiders write cases of the source `own` from: every operator
// with its inputs, outputs and attributes, from the same tables with which cases are read.
import { OWN_TOLERANCE } from "../vectors.ts";
import { ALL_OPS } from "./all_ops.ts";
import type { Attribute } from "./attributes.ts";
import { COMPOSITES } from "./composites.ts";
import { OWN_OPS } from "./ops.ts";
import type { OwnOp } from "./own_op.ts";

const EXAMPLE = {
  header: { note: "written by hand" },
  cases: [
    {
      id: "own/conv2d of one pixel",
      op: "conv2d",
      attrs: { stride: [1, 1], padding: [0, 0, 0, 0] },
      inputs: [
        { name: "x", shape: [1, 1, 1, 2], dtype: "float32", data: [1, 2] },
        { name: "weight", shape: [1, 1, 1, 2], dtype: "float32", data: [3, -4] },
        { name: "bias", shape: [1], dtype: "float32", data: [0.5] },
      ],
      outputs: [{ name: "y", shape: [1, 1, 1, 1], dtype: "float32", data: [-4.5] }],
      dy: { name: "y", shape: [1, 1, 1, 1], dtype: "float32", data: [2] },
      grads: [
        { name: "x", shape: [1, 1, 1, 2], dtype: "float32", data: [6, -8] },
        { name: "bias", shape: [1], dtype: "float32", data: [2] },
      ],
      tol: { atol: 1e-6, rtol: 1e-5 },
    },
  ],
};

const INTRODUCTION = `\
Cases in the engine's own names, from any file \`DIR/own/*.json\`. The engine stores images as
\`[V, H, W, C]\` and weights as \`[O, KH, KW, C/groups]\`. Axis letters: V views, H W rows and
columns, C O channels, K bins, E bin embedding, L S tokens; \`..\` stands for any leading axes. A
complete file:

\`\`\`json
${oneLinePerTensor(JSON.stringify(EXAMPLE, null, 2))}
\`\`\`

- \`op\` is one of the names below, \`attrs\` its attributes. One that is left out or null takes
  its default.
- \`inputs\` are told by name, or by place when none of their names is known. An optional one
  (\`?\`) may be null or left out.
- \`outputs\` are told by name, or by place; name as few as you like. With an empty list only
  gradients are held.
- \`dy\` is the gradient of a loss with respect to the first output, or to the output whose name (or \`d_\` and
  its name) it bears; a list holds one for each of several outputs, null for none. \`grads\` are
  the expected gradients by inputs of the same name.
- \`tol\` is \`{"atol", "rtol"}\`: |got - want| <= atol + rtol |want|, or \`{"ulp"}\` in units of
  the last place of float32. Without it: atol ${OWN_TOLERANCE.atol}, rtol ${OWN_TOLERANCE.rtol}.
  The same bound holds for the references in f64 and the kernels in f32 (where a tensor is
  float64, the kernels are allowed its rounding to f32 on top, as above).
- \`dtype\` is float32 or float64; masks may be bool, uint8 or int32. Above 256 elements \`b64\`
  may hold the little-endian bytes in place of \`data\`.
- Numbers are finite: WGSL lets an implementation assume so.
- A case whose operator, attribute or input is not known is not offered; the run says which and
  why.`;

/** Tensors on one line each: arrays of numbers and records of a shape are not broken. */
function oneLinePerTensor(json: string): string {
  return json
    .replaceAll(
      /\[\s+([-\d.,\s]+?)\s+\]/g,
      (_, items: string) => `[${items.replaceAll(/\s+/g, " ")}]`,
    )
    .replaceAll(
      /\{\s+("name"[^{}]*?)\s+\}/g,
      (_, fields: string) => `{ ${fields.replaceAll(/\s+/g, " ")} }`,
    )
    .replaceAll(
      /\{\s+("(?:atol|note|stride)"[^{}]*?)\s+\}/g,
      (_, f: string) => `{ ${f.replaceAll(/\s+/g, " ")} }`,
    );
}

function fallbackText({ fallback }: Attribute): string {
  if (fallback === null) return "must be given";
  return `default ${"of" in fallback ? fallback.says : JSON.stringify(fallback.value)}`;
}

function section(
  name: string,
  own: OwnOp,
  names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  more: readonly string[],
): string {
  const attributes = Object.entries(own.attributes).map(
    ([attribute, one]) => `- \`${attribute}\`: ${one.kind}, ${fallbackText(one)}. ${one.says}`,
  );
  return [
    `#### ${name}`,
    "",
    `${own.says}.`,
    "",
    `- inputs \`${names.inputs.join(", ")}\`, outputs \`${names.outputs.join(", ") || "none"}\``,
    `- ${own.shapes}`,
    ...attributes,
    ...more,
  ].join("\n");
}

/** The page in Markdown. */
export function ownPage(): string {
  const opSections = Object.entries(OWN_OPS).map(([name, own]) => {
    const op = ALL_OPS[name];
    return section(name, own, op, op.gradient === null ? ["- no gradient"] : []);
  });
  const compositeSections = Object.entries(COMPOSITES).map(([name, own]) =>
    section(name, own, own, own.notes === undefined ? [] : ["", own.notes]),
  );
  return [
    INTRODUCTION,
    "### Ops",
    ...opSections,
    "### Composites: heads, losses, norms by their common names, the optimiser's step",
    ...compositeSections,
  ].join("\n\n");
}

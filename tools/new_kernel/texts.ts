// The files of a new family that works element by element, as texts. The formula in them is a
// placeholder that passes every check; it is the same in shader and twin.

/** The names from which a family's files are named. */
export interface Family {
  /** snake_case: shaders, files, ops. */
  readonly stem: string;
  /** camelCase: kernels and functions. */
  readonly camel: string;
  /** PascalCase: types. */
  readonly pascal: string;
  /** Numbers that the function depends on besides x; at least one. */
  readonly attributes: readonly string[];
}

const lines = (names: readonly string[], line: (name: string) => string): string =>
  names.map(line).join("\n");

/** The shader that computes y, or the one that computes d_x. */
export function shaderText({ stem, attributes }: Family, gradient: boolean): string {
  const [first] = attributes;
  const name = gradient ? `${stem}_grad` : stem;
  const head = gradient
    ? `// ${name} — gradient of ${stem} with respect to its input.
//
//   d_x[i] = d_y[i] f'(x[i]),  f'(v) = 2 ${first} v; NaN where x is NaN
//
// Layout   x, d_y, d_x: any shape, n elements f32
// Mapping  one invocation per STEP elements, a workgroup's width apart
// Memory   2 loads + 1 store per element; bound by bandwidth`
    : `// ${name} — ${stem} of each element.
//
//   y[i] = f(x[i]),  f(v) = ${first} v^2; NaN of NaN
//
// Layout   x, y: any shape, n elements f32
// Mapping  one invocation per STEP elements, a workgroup's width apart: neighbours load neighbours
// Memory   1 load + 1 store per element; bound by bandwidth`;
  const bindings = gradient
    ? `@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;`
    : `@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;`;
  const formula = gradient
    ? `/// f'(v) of a number
fn slope(v: f32) -> f32 {
    return 2.0 * params.${first} * v;
}`
    : `/// f(v) of a number
fn value(v: f32) -> f32 {
    return params.${first} * v * v;
}`;
  const store = gradient
    ? "d_x[i] = d_y[i] * select(slope(v), v, is_nan(v));"
    : "y[i] = select(value(v), v, is_nan(v));";
  return `${head}
// Source   elementary
// Twin     src/kernels/${stem}.ts

struct Params {
    n: u32, // elements
${lines(attributes, (one) => `    ${one}: f32, // of f`)}
}

@group(0) @binding(0) var<uniform> params: Params;
${bindings}

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

// <lib is_nan>
// </lib>

${formula}

@compute @workgroup_size(WG)
fn ${name}(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            let v = x[i];
            ${store}
        }
    }
}
`;
}

/** The twin of both shaders. */
export function twinText({ stem, camel, pascal, attributes }: Family): string {
  const [first] = attributes;
  const all = attributes.join(", ");
  return `// ${stem} of each element, and its gradient.
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { shaders } from "./shaders.gen.ts";

/** The parameters of f besides x. */
export interface ${pascal}Attributes {
${lines(attributes, (one) => `  readonly ${one}: number;`)}
}

/** f(v) of a number. */
const value = (v: number, { ${first} }: ${pascal}Attributes): number => ${first} * v * v;
/** f'(v) of a number. */
const slope = (v: number, { ${first} }: ${pascal}Attributes): number => 2 * ${first} * v;

const sizes: readonly [string, Shape][] = [
  ["empty", [0]],
  ["one", [1]],
  ["a workgroup less one", [1023]],
  ["a workgroup and one", [41, 25]],
  ["prime", [2, 503, 3]],
];
const cases = sizes.map(([name, x]): Problem<"x", ${pascal}Attributes> => ({
  name,
  shapes: { x },
  attributes: { ${lines(attributes, (one) => `${one}: 0.7,`)} },
  data: { x: { kind: "normal", deviation: 3 } },
}));

/** y = f(x). x [any] -> y of its shape. */
export const ${camel}: Kernel<typeof shaders.${stem}, ${pascal}Attributes> = kernel({
  shader: shaders.${stem},
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }, { ${all} }) => ({ n: size(x), ${all} }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x }) => ({ flops: 2 * size(x), bytes: 8 * size(x) }),
  cases: withGradient(cases, { wrt: ["x"] }),
  reference: ({ x }, _, attributes) => {
    const y = like(x, x.length);
    for (let i = 0; i < x.length; i++) y[i] = Number.isNaN(x[i]) ? NaN : value(x[i], attributes);
    return { y };
  },
});

/** d_x = d_y f'(x), NaN where x is NaN. x, d_y [any] -> d_x of their shape. */
export const ${camel}Grad: Kernel<typeof shaders.${stem}_grad, ${pascal}Attributes> = kernel({
  shader: shaders.${stem}_grad,
  shapes: ({ x, d_y }) => {
    expectShape({ d_y }, x, "x");
    return { d_x: x };
  },
  params: ({ x }, { ${all} }) => ({ n: size(x), ${all} }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x }) => ({ flops: 3 * size(x), bytes: 12 * size(x) }),
  cases: cases.map((c) => ({ ...c, shapes: { x: c.shapes.x, d_y: c.shapes.x } })),
  reference: ({ x, d_y }, _, attributes) => {
    const d_x = like(x, x.length);
    for (let i = 0; i < x.length; i++) {
      d_x[i] = d_y[i] * (Number.isNaN(x[i]) ? NaN : slope(x[i], attributes));
    }
    return { d_x };
  },
});
`;
}

/** The op, with its gradient. */
export function opText({ stem, camel, pascal }: Family): string {
  return `// ${stem} as an op. d_x = d_y f'(x).
import { ${camel} as kernel, ${camel}Grad, type ${pascal}Attributes } from "../../kernels/${stem}.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const ${camel}Ops: {
  readonly ${stem}: Op<${pascal}Attributes, "x">;
  readonly ${stem}_grad: Op<${pascal}Attributes, "x" | "d_y">;
} = {
  ${stem}: kernelOp(
    "${stem}",
    kernel,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) =>
      apply(${camel}Ops.${stem}_grad, { x: x!, d_y: d_y! }, attributes),
  ),
  ${stem}_grad: kernelOp("${stem}_grad", ${camel}Grad, ["x", "d_y"], ["d_x"], null),
};

/** y = ${stem} of each element. x [any] -> y of its shape. */
export function ${camel}(x: Value, attributes: ${pascal}Attributes): Value {
  return apply(${camel}Ops.${stem}, { x }, attributes)[0];
}
`;
}

/** The test: both kernels against their reference, the gradient against differences. */
export function testText({ stem, camel }: Family): string {
  return `// ${stem} against its reference, and its gradient against differences.
import { ${camel} as op } from "../../src/graph/ops/${stem}.ts";
import { ${camel}, ${camel}Grad } from "../../src/kernels/${stem}.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  withOp(${camel}, ({ x }, attributes) => op(x, attributes)),
  ${camel}Grad,
);
`;
}

/** The bench: both kernels at the size of the decoder's largest activation. */
export function benchText({ stem, camel, attributes }: Family): string {
  return `// ${stem} at the student's sizes.
import { ${camel}, ${camel}Grad } from "../../src/kernels/${stem}.ts";
import type { KernelProblem } from "../../src/engine/kernel.ts";

const attributes = { ${lines(attributes, (one) => `${one}: 0.7,`)} };
const x = [6, 48, 80, 32];

/** The decoder's largest activation. */
export const cases: readonly KernelProblem[] = [
  { name: "${stem} 6x48x80x32", kernel: ${camel}, shapes: { x }, attributes },
  { name: "${stem} gradient 6x48x80x32", kernel: ${camel}Grad, shapes: { x, d_y: x }, attributes },
];
`;
}

/** The entries of both ops on the oracle's page. */
export function ownText({ stem, attributes }: Family): string {
  const numbers = lines(attributes, (one) => `${one}: number(1, "of f"),`);
  return `  ${stem}: {
    says: "y = ${stem} of each element",
    shapes: "x [any] -> y [as x]",
    attributes: { ${numbers} },
  },
  ${stem}_grad: {
    says: "d_x = d_y times the slope of ${stem} at x",
    shapes: "x, d_y [any] -> d_x [as x]",
    attributes: { ${numbers} },
  },
`;
}

// A `_subgroup` kernel at a width that no adapter here has: the shader's own text, whose subgroup
// functions are replaced by ones that exchange values through workgroup memory.
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { shaderText } from "../../src/engine/shader_text.ts";

// A function of a module hides WGSL's own of the same name.
const FUNCTIONS = `
var<workgroup> wg_lanes: array<f32, 2u * LANES>;
var<private> own_lane: u32;
var<private> half: u32; // alternates, so that no lane overwrites a value that another still reads

fn subgroupShuffle(value: f32, lane: u32) -> f32 {
    half = LANES - half;
    wg_lanes[half + own_lane] = value;
    workgroupBarrier();
    return wg_lanes[half + lane];
}

fn subgroupBroadcast(value: f32, lane: u32) -> f32 {
    return subgroupShuffle(value, lane);
}

fn subgroupAdd(value: f32) -> f32 {
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        sum += subgroupShuffle(value, lane);
    }
    return sum;
}

fn subgroupMax(value: f32) -> f32 {
    var most = value;
    for (var lane = 0u; lane < LANES; lane++) {
        most = max(most, subgroupShuffle(value, lane));
    }
    return most;
}
`;

/** Replaces the one place that has `from`. */
function replaced(text: string, from: string | RegExp, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`expected one ${String(from)}`);
  return text.replace(from, to);
}

/** A kernel whose workgroup is one subgroup, with an emulated subgroup of `lanes`. */
export function emulated(kernel: AnyKernel, lanes: number): AnyKernel {
  const { shader } = kernel;
  let code = replaced(shaderText(shader), "enable subgroups;\n", "");
  const lane = "local_invocation_index) lane: u32";
  code = replaced(code, "subgroup_invocation_id) lane: u32", lane);
  code = replaced(
    code,
    new RegExp(String.raw`(?<=^fn ${shader.name}\([^{]*\{\n)`, "m"),
    "    own_lane = lane;\n",
  );
  const used = new Set(code.replaceAll(/\/\/.*/g, "").match(/\b(?:subgroup|quad)[A-Z]\w*/g));
  const missing = [...used].filter((name) => !FUNCTIONS.includes(`fn ${name}(`));
  if (missing.length > 0) throw new Error(`${shader.name}: not emulated: ${missing.join(", ")}`);
  return {
    ...kernel,
    shader: { ...shader, code: code + FUNCTIONS, features: [] },
    overrides: (inputs, attributes) => ({
      ...kernel.overrides?.(inputs, attributes),
      LANES: lanes,
    }),
  };
}

// Reads what the host needs to know of a .wgsl file from its text: for the generated table
// (tools/shaders.ts), and for the profiler, which takes shaders as they lie on disk.
import { InputError } from "../tensor/error.ts";
import type { ShaderInfo } from "./kernel.ts";

const BINDING =
  /^@group\(0\) @binding\((\d+)\) var<(uniform|storage, read|storage, read_write)> (\w+): ([^;]+);(.*)$/gm;
const PARAM = /^ {4}(\w+): (u32|i32|f32),/gm;
const OVERRIDE = /^override (\w+): (u32|i32|f32|bool) = ([-\w.]+?)u?;/gm;
const TUNE = /^const (\w+): u32 = (\d+)u; \/\/ tune: ([\d ]+)$/gm;
const ENABLE = /^enable (\w+);/gm;

/**
 * What the host must agree on with shaders/`stem`.wgsl, whose text is `code`; throws InputError with
 * the rule that the text breaks.
 */
export function readShader(stem: string, code: string): ShaderInfo {
  const fail = (what: string): never => {
    throw new InputError(`shaders/${stem}.wgsl: ${what}`);
  };
  const first = code.split("\n").find((line) => line.startsWith("//")) ?? "";
  if (!first.startsWith(`// ${stem} — `)) fail(`the header must begin "// ${stem} — "`);
  for (const part of ["Layout", "Mapping", "Memory", "Source", "Twin"]) {
    if (!new RegExp(`^// ${part} {2,}\\S`, "m").test(code)) fail(`the header lacks "${part}"`);
  }
  if (!new RegExp(`^fn ${stem}\\(`, "m").test(code)) fail(`the entry point must be named ${stem}`);
  const bindings = [...code.matchAll(BINDING)].map((m, i): ShaderInfo["bindings"][number] => {
    if (Number(m[1]) !== i) fail(`binding ${m[3]} is ${m[1]}, expected ${i}: dense from 0`);
    const access =
      m[2] === "storage, read_write" ? (m[5].includes("inout") ? "inout" : "write") : "read";
    return { name: m[3], binding: i, access, uniform: m[2] === "uniform" };
  });
  if ((code.match(/@binding\(/g) ?? []).length !== bindings.length) {
    fail("a binding is not on one line of the form `@group(0) @binding(N) var<…> name: type;`");
  }
  const struct = /struct Params \{\n([^}]*)\}/.exec(code)?.[1] ?? "";
  const params = [...struct.matchAll(PARAM)].map((m) => ({
    name: m[1],
    type: m[2] as ShaderInfo["params"][number]["type"],
  }));
  if (params.length > 0 && bindings[0]?.name !== "params") fail("`params` must be binding 0");
  const overrides = [...code.matchAll(OVERRIDE)].map((m) => ({
    name: m[1],
    type: m[2] as ShaderInfo["overrides"][number]["type"],
    value: m[2] === "bool" ? m[3] === "true" : Number(m[3]),
  }));
  const tune = [...code.matchAll(TUNE)].map((m) => ({
    name: m[1],
    value: Number(m[2]),
    values: m[3].trim().split(/\s+/).map(Number),
  }));
  const features = [...code.matchAll(ENABLE)].map((m) => (m[1] === "f16" ? "shader-f16" : m[1]));
  return {
    name: stem,
    code,
    bindings: bindings.filter((b) => b.name !== "params"),
    params,
    overrides,
    tune,
    features,
  };
}

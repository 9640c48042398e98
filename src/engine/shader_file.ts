// Reads the host's facts about a .wgsl file from its text, for the generated table
// (tools/shaders.ts) and to compare a file on disk with that table. A malformed line is an error;
// no line is skipped silently. Pure.
import { InputError } from "../tensor/error.ts";
import type { ShaderInfo } from "./kernel.ts";

const BINDING =
  /^@group\(0\) @binding\((\d+)\) var<(uniform|storage, read|storage, read_write)> (\w+): ([^;]+);(.*)$/gm;
const PARAM = /^ {4}(\w+): (u32|i32|f32),/;
const OVERRIDE =
  /^override (\w+): (?:(u32|i32|f32) = (-?[\d.]+(?:e[-+]?\d+)?)[uif]?|(bool) = (true|false));/;
const TUNE = /^const (\w+): u32 = (\d+)u; \/\/ (tune|adapter): (\d+(?: \d+)*)$/;
const CONSTANT =
  /^const (\w+): (?:u32 = (\d+)u|f32 = (-?[\d.]+(?:e[-+]?\d+)?)); \/\/ host(?:: .+)?$/;
const ENABLE = /^enable (\w+);/;
/** Features of a device that have another name in shaders. */
const FEATURES: Readonly<Record<string, string | undefined>> = {
  f16: "shader-f16",
  chromium_experimental_subgroup_matrix: "chromium-experimental-subgroup-matrix",
};
/**
 * A literal product with 0.0: some compilers turn it into 0 without reading the other factor,
 * others into NaN, and no run on a single adapter shows which.
 */
const TIMES_ZERO =
  /(?<![\w.])(?:0\.0*[fh]?|\.0+[fh]?|0[fh])\s*\*|\*\s*(?:0\.0*[fh]?|\.0+[fh]?|0[fh])(?![\w.])/;

/**
 * The facts that the host must agree on with shaders/`stem`.wgsl, whose text is `code`; throws
 * InputError with the line and the rule that the text breaks.
 */
export function readShader(stem: string, code: string): ShaderInfo {
  const lines = code.split("\n");
  const fail = (what: string): never => {
    throw new InputError(`shaders/${stem}.wgsl: ${what}`);
  };
  /**
   * The lines that match `start`, each parsed by `form`; fails when a line does not have that form.
   */
  const readLines = (start: RegExp, form: RegExp, expected: string): RegExpExecArray[] =>
    lines.flatMap((line, i) => {
      if (!start.test(line)) return [];
      const match = form.exec(line);
      return [match ?? failAt(stem, i + 1, `expected ${expected}`)];
    });
  const first = lines.find((line) => line.startsWith("//")) ?? "";
  if (!first.startsWith(`// ${stem} — `)) fail(`the header must begin "// ${stem} — "`);
  for (const part of ["Layout", "Mapping", "Memory", "Source", "Twin"]) {
    if (!new RegExp(`^// ${part} {2,}\\S`, "m").test(code)) fail(`the header lacks "${part}"`);
  }
  if (!new RegExp(`^fn ${stem}\\(`, "m").test(code)) fail(`the entry point must be named ${stem}`);
  if (!new RegExp(`^@compute @workgroup_size\\(.*\\)\\s+fn ${stem}\\(`, "m").test(code)) {
    fail(`the line above fn ${stem} must be "@compute @workgroup_size(...)"`);
  }
  const overrides = readLines(
    /^\s*(@.*)?override\b/,
    OVERRIDE,
    "`override NAME: TYPE = VALUE;`",
  ).map(([, name, type, value, bool, flag]): ShaderInfo["overrides"][number] =>
    bool === undefined
      ? { name, type: type as "u32" | "i32" | "f32", value: Number(value) }
      : { name, type: "bool", value: flag === "true" },
  );
  const tune = readLines(
    /\/\/ (tune|adapter):/,
    TUNE,
    "`const NAME: u32 = 4u; // tune: 2 4 8`, or `adapter:` where the adapter decides",
  ).map(([, name, value, decides, values]) => ({
    name,
    value: Number(value),
    values: values.split(" ").map(Number),
    ...(decides === "adapter" && { adapter: true as const }),
  }));
  const off = tune.find(({ value, values }) => !values.includes(value));
  if (off !== undefined) fail(`${off.name} is ${off.value}, which its tune line does not list`);
  const constants = readLines(
    /\/\/ host\b/,
    CONSTANT,
    "`const NAME: u32 = 4u; // host` or `const NAME: f32 = 1e-4; // host: meaning`",
  ).map(([, name, whole, real]) => [name, Number(whole ?? real)] as const);
  const features = readLines(/^\s*enable\b/, ENABLE, "`enable FEATURE;`, one per line").map(
    ([, name]) => FEATURES[name] ?? name,
  );
  const zero = lines.findIndex((line) => TIMES_ZERO.test(line.replace(/\/\/.*/, "")));
  if (zero >= 0)
    failAt(stem, zero + 1, "a product with a literal 0.0: leave it out, or use select");
  const bindings = readBindings(stem, code);
  const params = readParams(stem, lines);
  if (params.length > 0 !== (bindings[0]?.name === "params")) {
    fail("`struct Params` and `params` as binding 0 go together");
  }
  return {
    name: stem,
    bindings: bindings.filter(({ name }) => name !== "params"),
    params,
    overrides,
    tune,
    constants: Object.fromEntries(constants),
    features,
  };
}

function readBindings(stem: string, code: string): ShaderInfo["bindings"][number][] {
  const bindings = [...code.matchAll(BINDING)].map(
    ([, index, space, name, , rest], i): ShaderInfo["bindings"][number] => {
      if (Number(index) !== i) {
        throw new InputError(
          `shaders/${stem}.wgsl: binding ${name} is ${index}, expected ${i}: dense from 0`,
        );
      }
      const changed = rest.includes("inout") ? "inout" : "write";
      const access = space === "storage, read_write" ? changed : "read";
      return { name, binding: i, access, uniform: space === "uniform" };
    },
  );
  if ((code.match(/@binding\b/g) ?? []).length !== bindings.length) {
    throw new InputError(
      `shaders/${stem}.wgsl: a binding is not on one line of the form \`@group(0) @binding(N) var<…> name: type;\``,
    );
  }
  return bindings;
}

/** The fields of `struct Params`; empty if there is no such struct. */
function readParams(stem: string, lines: readonly string[]): ShaderInfo["params"][number][] {
  const begin = lines.findIndex((line) => /^\s*struct\s+Params\b/.test(line));
  if (begin < 0) return [];
  const form = "fields of `struct Params` as `    name: u32|i32|f32,`, one per line";
  if (lines[begin] !== "struct Params {") failAt(stem, begin + 1, "expected `struct Params {`");
  const fields: ShaderInfo["params"][number][] = [];
  for (let i = begin + 1; !lines[i].startsWith("}"); i++) {
    if (i + 1 === lines.length) failAt(stem, i + 1, "`struct Params` does not end");
    if (/^\s*(\/\/.*)?$/.test(lines[i])) continue;
    const [, name, type] = PARAM.exec(lines[i]) ?? failAt(stem, i + 1, `expected ${form}`);
    fields.push({ name, type: type as "u32" | "i32" | "f32" });
  }
  return fields;
}

function failAt(stem: string, line: number, what: string): never {
  throw new InputError(`shaders/${stem}.wgsl:${line}: ${what}`);
}

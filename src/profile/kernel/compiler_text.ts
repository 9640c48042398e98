// The compiler's output for a kernel, as text: the WGSL with its overrides resolved, and extracts
// of the dumps that Dawn writes while it compiles. Pure.
import type { PipelineSource } from "../../gpu/pipelines.ts";

/** The forms of a compiled kernel: specialised WGSL, SPIR-V assembly, Tint's lowered program. */
export const IR_FORMS = ["wgsl", "spirv", "tint"] as const;
export type IrForm = (typeof IR_FORMS)[number];

/** Dawn's toggles that make it write a form to stdout. */
export const DUMP_TOGGLES: Readonly<Record<Exclude<IrForm, "wgsl">, readonly string[]>> = {
  spirv: ["dump_shaders", "disable_symbol_renaming"],
  tint: ["dump_tint_ir", "disable_symbol_renaming"],
};

const OVERRIDE = /^(override (\w+): (u32|i32|f32|bool) = )[^;]+;/gm;

/**
 * The text of a pipeline with the value of each override that it sets; line by line like the file.
 */
export function resolvedWgsl({ code, constants }: PipelineSource): string {
  return code.replace(OVERRIDE, (line, before: string, name: string, type: string) => {
    const value = constants[name];
    return value === undefined ? line : `${before}${literal(type, value)};`;
  });
}

function literal(type: string, value: number): string {
  if (type === "bool") return String(value !== 0);
  if (type === "u32") return `${value}u`;
  return type === "f32" && Number.isInteger(value) ? `${value}.0` : String(value);
}

/**
 * The part of a dump that contains the kernel `name` in a form; for tint, the program that the back
 * end writes out after every lowering. Null if the dump has none, because this back end makes
 * another form.
 */
export function dumpedSection(
  dump: string,
  form: keyof typeof DUMP_TOGGLES,
  name: string,
): string | null {
  const [head, entry] =
    form === "spirv"
      ? [/^\/\* Dumped SPIRV disassembly \*\/\n/m, `OpEntryPoint GLCompute %${name} `]
      : [/^=+\n== IR dump.*\n=+\n/m, `%${name} = @compute`];
  // The first part is the output before any section.
  const sections = dump.split(head).slice(1);
  const own = sections.findLast((section) => section.includes(entry));
  return own === undefined ? null : `${own.split(/^info:$/m)[0].trimEnd()}\n`;
}

/** The names of the forms in a dump: `MSL`, `HLSL`. */
export function dumpedForms(dump: string): string[] {
  return [...dump.matchAll(/^\/\* Dumped (.*?) \*\/$/gm)].map(([, form]) => form);
}

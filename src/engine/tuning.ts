// Measured choices: which mapping runs a problem fastest, and with which values of its `// tune:`
// lines. src/tune makes them; `chooseVariant` follows them as long as they are valid.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel, ShaderInfo } from "./kernel.ts";
import { canRun, exactMappings, halfMapping, ruleMapping } from "./mapping.ts";
import { checkTuning } from "./specialize.ts";

/** A mapping of a kernel with values for its tuned lines; values left out follow the rule. */
export interface Mapping {
  /** The base kernel or one of its variants. */
  readonly kernel: string;
  readonly constants: Readonly<Record<string, number>>;
}

/** f16: products may round their operands to f16; they still add up in f32. */
export type Precision = "f32" | "f16";

/** The mapping that was measured as faster than the rule's. */
export interface Choice extends Mapping {
  /** The kernel that the rule picked at that time; if it now picks another, the choice is stale. */
  readonly rule: string;
  /**
   * The values that `tuneRule` set at that time, see `ruleConstants`; a change makes it stale too.
   */
  readonly rule_constants?: Mapping["constants"];
}

/** Choices by problem, keyed as `problemKey` writes them. */
export type Tuning = ReadonlyMap<string, Choice>;

/**
 * A problem as text: base kernel, shape of each tensor that it reads, and attributes, such as `gemm
 * a[6,60,32] b[32,64] bias[64] {"slices":1}`. Equal problems have equal keys.
 */
export function problemKey(
  { shader }: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): string {
  const shapes = shader.bindings
    .filter(({ access }) => access !== "write")
    .map(({ name }) => `${name}[${inputs[name].join()}]`);
  const text = attributes === undefined ? [] : [JSON.stringify(attributes, canonical)];
  return [shader.name, ...shapes, ...text].join(" ");
}

/** Sorts keys, and writes numbers that JSON lacks (-Infinity as a padding) as text. */
function canonical(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The values that a twin's `tuneRule` sets on a problem; none if the file's own values are the
 * rule.
 */
export function ruleConstants(
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Record<string, number> {
  const set = Object.entries(kernel.tuneRule?.(inputs, attributes) ?? {});
  return Object.fromEntries(
    set.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Whether a choice was made against the current rule. */
export function isOfRule(
  choice: Pick<Choice, "rule" | "rule_constants">,
  rule: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): boolean {
  const [then, now] = [choice.rule_constants ?? {}, ruleConstants(rule, inputs, attributes)];
  const names = new Set([...Object.keys(then), ...Object.keys(now)]);
  return choice.rule === rule.shader.name && [...names].every((name) => then[name] === now[name]);
}

/**
 * The tuned lines of a kernel that are free on a problem: they list several values, and the twin's
 * overrides set none of them. `value` is the rule's value: the twin's if it has one, else the
 * file's.
 */
export function freeConstants(
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): ShaderInfo["tune"] {
  const set: Readonly<Record<string, unknown>> = kernel.overrides?.(inputs, attributes) ?? {};
  const rule: Readonly<Record<string, number | undefined>> = ruleConstants(
    kernel,
    inputs,
    attributes,
  );
  return kernel.shader.tune
    .filter(
      ({ name, values, adapter }) =>
        adapter !== true && set[name] === undefined && values.length > 1,
    )
    .map((line) => ({ ...line, value: rule[line.name] ?? line.value }));
}

const tuned = new WeakMap<AnyKernel, Map<string, AnyKernel>>();

/**
 * The kernel with other values on its tuned lines; equal values give the same object. Throws
 * RangeError for a value that its line does not list.
 */
export function tunedKernel(kernel: AnyKernel, constants: Mapping["constants"]): AnyKernel {
  const { shader } = kernel;
  // if the twin has a rule, the file's own value is a choice as well
  const all = kernel.tuneRule !== undefined;
  const changed = shader.tune.filter(
    ({ name, value }) => name in constants && (all || constants[name] !== value),
  );
  if (changed.length === 0) return kernel;
  const key = changed.map(({ name }) => `${name}=${constants[name]}`).join(" ");
  const known = tuned.get(kernel) ?? new Map<string, AnyKernel>();
  tuned.set(kernel, known);
  checkTuning(shader, constants);
  // The text is read first and tuned afterwards, so that it is always the one on disk.
  const made: AnyKernel = known.get(key) ?? {
    ...kernel,
    shader: {
      ...shader,
      untuned: shader.untuned ?? shader,
      tune: shader.tune.map((line) => ({ ...line, value: constants[line.name] ?? line.value })),
    },
    tuneRule: (inputs, attributes) => ({
      ...kernel.tuneRule?.(inputs, attributes),
      ...constants,
    }),
  };
  known.set(key, made);
  return made;
}

/**
 * The kernel that a choice names; null if the choice is stale: the rule has changed, the mapping or
 * a tuned value no longer exists, or this adapter cannot run it.
 */
function chosenKernel(
  choice: Choice,
  base: AnyKernel,
  rule: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): AnyKernel | null {
  const kernel = exactMappings(base).find(({ shader }) => shader.name === choice.kernel);
  if (kernel === undefined || !isOfRule(choice, rule, inputs, attributes)) return null;
  const free = freeConstants(kernel, inputs, attributes);
  const listed = Object.entries(choice.constants).every(
    ([name, value]) => free.find((line) => line.name === name)?.values.includes(value) ?? false,
  );
  if (!listed || !canRun(kernel, facts, inputs, attributes)) return null;
  return tunedKernel(kernel, choice.constants);
}

/**
 * The mapping of `kernel` for this adapter and problem: from `tuning` if it has a valid choice,
 * else by the rule that the twins state in `runs` and `suits`. With `precision` f16, the mapping
 * that rounds its operands comes first.
 */
export function chooseVariant(
  kernel: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
  tuning?: Tuning,
  precision: Precision = "f32",
): AnyKernel {
  const half = precision === "f16" ? halfMapping(kernel, facts, inputs, attributes) : null;
  if (half !== null) return half;
  const rule = ruleMapping(kernel, facts, inputs, attributes);
  if (tuning === undefined || tuning.size === 0) return rule;
  const choice = tuning.get(problemKey(kernel, inputs, attributes));
  if (choice === undefined) return rule;
  return chosenKernel(choice, kernel, rule, facts, inputs, attributes) ?? rule;
}

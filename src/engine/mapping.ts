// Mappings: several shaders for one function. Each twin says where its mapping runs and where the
// rule prefers it; tuning.ts may choose any that runs.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel, Kernel, ShaderInfo } from "./kernel.ts";
import { subgroupWidth } from "./subgroups.ts";

/** The part of a base that its mappings share: the function and its cost. */
type Base<S extends ShaderInfo, A> = Pick<
  Kernel<S, A>,
  "axes" | "shapes" | "params" | "flags" | "cost" | "terms" | "magnitudes" | "cases" | "reference"
> & {
  // may set constants that this shader does not have
  overrides?(...problem: Parameters<NonNullable<Kernel<S, A>["overrides"]>>): object;
};

/** The part that each mapping states itself; `cost`, `params` and the like only if they differ. */
type Own<S extends ShaderInfo, A> = Pick<Kernel<S, A>, "shader" | "grid"> &
  Partial<Omit<Kernel<S, A>, "shader" | "grid" | "variants">>;

/**
 * Another mapping of a base kernel: the same function with another shader and grid. It takes over
 * those flags of the base that its shader has, but not the base's tuning rule.
 */
export function mapping<const S extends ShaderInfo, A>(
  base: Base<NoInfer<S>, A>,
  own: Own<S, A>,
): Kernel<S, A> {
  const ofBase = {
    tuneRule: undefined,
    runs: undefined,
    suits: undefined,
    fit: undefined,
    operands: undefined,
    storesParts: undefined,
    variants: undefined,
  };
  return { ...base, ...ofBase, ...own };
}

/** For `suits`: mappings without barriers, which software adapters run as plain loops. */
export function onSoftware({ software }: AdapterFacts): boolean {
  return software;
}

/** Whether tiles of `width` that cover `count` are filled to a share, by default five eighths. */
export function fills(count: number, width: number, share: number = 5 / 8): boolean {
  return count >= share * width * Math.ceil(count / width);
}

/**
 * For `suits` of mappings whose lanes own four of `count` columns each: on software adapters, where
 * the columns fill their tiles to five eighths, and to seven eighths on wide subgroups.
 */
export function onSoftwareInFours(facts: AdapterFacts, count: number): boolean {
  const { lanes } = subgroupWidth(facts);
  return facts.software && fills(count, 4 * lanes, lanes > 8 ? 7 / 8 : 5 / 8);
}

/** Lanes and sizes that the lines of the matrix shaders list. */
const MATRIX_LANES = [4, 8, 16, 32, 64];
const MATRIX_SIDES = [8, 16];

/**
 * For `fit` of mappings on subgroup matrices: the width of subgroups, which must be fixed, and the
 * largest matrices that the shaders list.
 */
export function fitMatrices({
  subgroup_size,
  matrices,
}: AdapterFacts): Record<"LANES" | "MATRIX_M" | "MATRIX_N" | "MATRIX_K", number> | null {
  const size = matrices.find((one) => [one.m, one.n, one.k].every((n) => MATRIX_SIDES.includes(n)));
  if (size === undefined || !MATRIX_LANES.includes(subgroup_size)) return null;
  return { LANES: subgroup_size, MATRIX_M: size.m, MATRIX_N: size.n, MATRIX_K: size.k };
}

/**
 * For `terms` of mappings that round operands to f16: as many roundings of f32 as a product of two
 * of them may be off by, 2^-10.
 */
export const F16_TERMS: number = 2 ** 14;

/** Every mapping of a base kernel, the base first. */
export function mappingsOf(base: AnyKernel): readonly AnyKernel[] {
  return [base, ...(base.variants?.() ?? [])];
}

/** The mappings of a base kernel that do not round their operands, which f32 work may use. */
export function exactMappings(base: AnyKernel): readonly AnyKernel[] {
  return mappingsOf(base).filter(({ operands }) => operands === undefined);
}

/**
 * The kernel with the values of its lines that the adapter decides on; equal values give the same
 * object, and a kernel without such lines is returned as it is. Throws RangeError if the adapter
 * has none that the kernel lists.
 */
export function fitted(kernel: AnyKernel, facts: AdapterFacts): AnyKernel {
  if (kernel.fit === undefined) return kernel;
  const values = kernel.fit(facts);
  if (values === null) {
    throw new RangeError(`${kernel.shader.name}: ${facts.name} has no matrices that it takes`);
  }
  const key = Object.entries(values).join();
  const known = fits.get(kernel) ?? new Map<string, AnyKernel>();
  fits.set(kernel, known);
  const made: AnyKernel = known.get(key) ?? {
    ...kernel,
    fit: undefined,
    overrides: (inputs, attributes) => ({ ...kernel.overrides?.(inputs, attributes), ...values }),
  };
  known.set(key, made);
  return made;
}

const fits = new WeakMap<AnyKernel, Map<string, AnyKernel>>();

/** Whether this adapter can run a mapping on a problem, preferred or not. */
export function canRun(
  kernel: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): boolean {
  const { features, overrides } = kernel.shader;
  if (!features.every((name) => facts.features.has(name))) return false;
  const has = (flag: string): boolean => overrides.some(({ name }) => name === flag);
  if (kernel.flags?.(attributes).every(has) === false) return false;
  if (kernel.fit?.(facts) === null) return false;
  return kernel.runs?.(facts, inputs, attributes) ?? true;
}

/** The mapping by rule: the first exact one that runs and suits, else the base. */
export function ruleMapping(
  base: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): AnyKernel {
  const preferred = (base.variants?.() ?? []).find(
    (variant) =>
      variant.operands === undefined &&
      canRun(variant, facts, inputs, attributes) &&
      (variant.suits?.(facts, inputs, attributes) ?? true),
  );
  return preferred ?? base;
}

/** The mapping with operands in f16, fitted to the adapter; null if none runs and suits. */
export function halfMapping(
  base: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): AnyKernel | null {
  const half = (base.variants?.() ?? []).find(
    (variant) =>
      variant.operands === "f16" &&
      canRun(variant, facts, inputs, attributes) &&
      (variant.suits?.(facts, inputs, attributes) ?? true),
  );
  return half === undefined ? null : fitted(half, facts);
}

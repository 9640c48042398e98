// Mappings: several shaders for one function. Each twin says where its mapping runs and where the
// rule prefers it; tuning.ts may choose any that runs.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel, Kernel, ShaderInfo } from "./kernel.ts";

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
  const ofBase = { tuneRule: undefined, runs: undefined, suits: undefined, variants: undefined };
  return { ...base, ...ofBase, ...own };
}

/** For `suits`: mappings without barriers, which software adapters run as plain loops. */
export function onSoftware({ software }: AdapterFacts): boolean {
  return software;
}

/** Every mapping of a base kernel, the base first. */
export function mappingsOf(base: AnyKernel): readonly AnyKernel[] {
  return [base, ...(base.variants?.() ?? [])];
}

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
  return kernel.runs?.(facts, inputs, attributes) ?? true;
}

/** The mapping by rule: the first one that runs and suits, else the base. */
export function ruleMapping(
  base: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): AnyKernel {
  const preferred = (base.variants?.() ?? []).find(
    (variant) =>
      canRun(variant, facts, inputs, attributes) &&
      (variant.suits?.(facts, inputs, attributes) ?? true),
  );
  return preferred ?? base;
}

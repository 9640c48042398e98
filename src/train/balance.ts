// Weights of the teacher's terms by gradient norm (loss.balance): at one step the gradient of every
// term is measured by itself, and its weight is set so that the term pulls `loss.balance_target` times
// as hard as the supervised loss. From then on the factors are frozen, and checkpoints keep them.
import { z } from "zod";
import { LOSS_TERMS, type LossTerm } from "../distill/losses.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";

const positive = z.number().positive();
const factorsSchema = z.partialRecord(z.enum(LOSS_TERMS), positive);
/** The measurement as `metrics.jsonl` keeps it, in the record of its step. */
export const balanceSchema: z.ZodType<Balance> = z.object({
  gradient_norms: z.partialRecord(z.enum(LOSS_TERMS), z.number().nonnegative()),
  factors: factorsSchema,
});

/** Factors on the weights of the teacher's terms. */
export type BalanceFactors = Readonly<Partial<Record<LossTerm, number>>>;

/** A measurement of the terms. */
export interface Balance {
  /**
   * Length of the gradient with respect to all parameters, by term: of the supervised loss with its
   * weight, of each other term with a weight of 1.
   */
  readonly gradient_norms: BalanceFactors;
  /** target times the supervised length, divided by the term's; 1 where a term has no gradient. */
  readonly factors: BalanceFactors;
}

/** Whether the terms are to be measured before a step, counted from 0. */
export function isMeasured(
  { loss }: TrainConfig,
  step: number,
  factors: BalanceFactors | undefined,
): boolean {
  return loss.balance === "gradient_norm" && factors === undefined && step >= loss.balance_step;
}

/** The factors from measured lengths; null where the supervised loss has no gradient to compare with. */
export function balanceOf(gradient_norms: BalanceFactors, target: number): Balance | null {
  const { silog: supervised = 0, ...terms } = gradient_norms;
  const lengths = Object.entries(terms) as [LossTerm, number][];
  if (!(supervised > 0) || !lengths.every(([, length]) => Number.isFinite(length))) return null;
  const factors = lengths.map(([term, length]) => [
    term,
    length > 0 ? (target * supervised) / length : 1,
  ]);
  return { gradient_norms, factors: Object.fromEntries(factors) as BalanceFactors };
}

/** A measurement as a line for people. */
export function describeBalance(step: number, { factors }: Balance): string {
  const each = Object.entries(factors).map(
    ([term, factor]) => `${term} x ${factor.toPrecision(3)}`,
  );
  return `step ${step}: weights balanced by gradient norm: ${each.join(", ") || "no teacher terms"}`;
}

/** The factors in the metadata of a checkpoint; throws InputError naming `file` if they are none. */
export function parseFactors(text: string | undefined, file: string): BalanceFactors | undefined {
  if (text === undefined) return undefined;
  try {
    return factorsSchema.parse(JSON.parse(text));
  } catch {
    throw new InputError(`${file}: balance: expected a positive factor by term of the loss`);
  }
}

// The rules of a configuration that concern several keys at once.
import { InputError } from "../../tensor/error.ts";

/** The keys that the rules read, as config.ts defines them. */
interface Choices {
  readonly steps: number;
  readonly head: { readonly kind: string };
  readonly teacher: {
    readonly kind: string;
    readonly shared: boolean;
    readonly shared_network: string | null;
  };
  readonly loss: {
    readonly balance: "none" | "gradient_norm";
    readonly balance_step: number;
    readonly weights: { readonly silog: number };
  };
}

/** Throws InputError, naming `where` and the key, for choices that exclude each other. */
export function checkTogether(choices: Choices, where: string): void {
  requireBalance(choices, where);
  requireShared(choices, where);
}

/** Throws InputError for a balance that would never be measured. */
function requireBalance({ loss, steps }: Choices, where: string): void {
  if (loss.balance === "none") return;
  if (loss.balance_step >= steps) {
    throw new InputError(
      `${where}: loss.balance_step: ${loss.balance_step} must be below steps, ${steps}`,
    );
  }
  if (loss.weights.silog === 0) {
    throw new InputError(
      `${where}: loss.balance: gradient_norm compares with the supervised loss, and ` +
        `loss.weights.silog is 0`,
    );
  }
}

/** Throws InputError for a shared head where the teacher or the student has none to share. */
function requireShared({ teacher, head }: Choices, where: string): void {
  const { shared, shared_network, kind } = teacher;
  if (!shared) {
    if (shared_network === null) return;
    throw new InputError(
      `${where}: teacher.shared_network: names the network of a shared head; set teacher.shared to ` +
        `true too, or leave it out`,
    );
  }
  if (kind !== "fitted") {
    throw new InputError(
      `${where}: teacher.shared: only a fitted teacher has a head to share; set teacher.kind to ` +
        `fitted, which is ${kind}, or teacher.shared to false`,
    );
  }
  if (head.kind === "metric_bins") return;
  throw new InputError(
    `${where}: teacher.shared: the head of a fitted teacher is metric_bins; set head.kind to that, ` +
      `or teacher.shared to false`,
  );
}

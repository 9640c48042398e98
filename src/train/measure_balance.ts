// The measurement behind loss.balance: the length of every term's gradient at one step.
import { LOSS_TERMS, weightName, type LossTerm } from "../distill/losses.ts";
import type { Tuning } from "../engine/tuning.ts";
import { balanceOf, type Balance } from "./balance.ts";
import type { TrainConfig } from "./config.ts";
import type { LossNetwork } from "./network.ts";
import { stepScalars } from "./schedule.ts";
import { openSession, type Session } from "./session.ts";

/**
 * Measures the terms at the parameters of a session and the inputs of a step, on a store of its own
 * that is freed afterwards: the session stays as it is. `network` is the training graph without its
 * update. Null where nothing can be compared: the step's batch has no LiDAR.
 */
export async function measureBalance(
  { gpu, store }: Session,
  network: LossNetwork,
  config: TrainConfig,
  tuning: Tuning,
  {
    step,
    inputs,
  }: { readonly step: number; readonly inputs: Readonly<Record<string, Float32Array>> },
  open: typeof openSession = openSession,
): Promise<Balance | null> {
  const own = await open(gpu, network, await store.read(), tuning);
  try {
    const norms: Partial<Record<LossTerm, number>> = {};
    for (const term of Object.keys(network.losses.terms) as LossTerm[]) {
      const scalars = stepScalars(config, step);
      for (const other of LOSS_TERMS) scalars[weightName(other)] = 0;
      scalars[weightName(term)] = term === "silog" ? config.loss.weights.silog : 1;
      let values = await own.plan.submit(inputs, scalars)();
      // after an overflow the scale of the loss is halved, so the next try may fit
      while (values["gradient_norm"][2] !== 1 && (values["loss_scale"]?.[0] ?? 1) > 1) {
        values = await own.plan.submit(inputs, scalars)();
      }
      norms[term] = values["gradient_norm"][0];
    }
    return balanceOf(norms, config.loss.balance_target);
  } finally {
    own.close();
  }
}

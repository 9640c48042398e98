// Rank 0 of a job. It runs the loop of a training as one process would; its sessions tell the other
// processes what to do, and bring gradients and statistics together with theirs.
import type { Plan } from "../../graph/plan.ts";
import { openSession } from "../session.ts";
import type { RankPlace } from "../loading/step_moments.ts";
import {
  messageBytes,
  storeBytes,
  type Command,
  type SharedFacts,
  type SessionKind,
} from "./commands.ts";
import type { Job } from "./job.ts";

/** The processes of a job, as rank 0 leads them. */
export interface Team {
  readonly place: RankPlace;
  /** False once the training is over: rank 0 then works alone. */
  readonly isTogether: () => boolean;
  /** Opens sessions that all processes share, in a run with these facts from `step` on. */
  readonly opener: (network: SessionKind, shared: SharedFacts, step: number) => typeof openSession;
  /** Says which step the inputs belong to, before they are submitted. */
  readonly remember: (step: number, inputs: Readonly<Record<string, Float32Array>>) => void;
  /** Ends the training of the other processes. */
  readonly end: () => Promise<void>;
}

/** The team of a job; only for rank 0. */
export function leadTeam(job: Job): Team {
  const { rank, ranks, mean, gather } = job;
  const stepOf = new WeakMap<object, number>();
  let sessions = 0;
  let isOver = false;
  const send = async (command: Command): Promise<void> => {
    await job.broadcast(messageBytes(command));
  };
  return {
    place: { rank, ranks },
    isTogether: () => !isOver,
    opener: (network, shared, step) => async (gpu, net, values, tuning) => {
      if (isOver) return await openSession(gpu, net, values, tuning);
      const session = sessions++;
      await send({ kind: "open", session, network, shared, step, tuning: [...tuning] });
      await job.broadcast(storeBytes(values));
      const begin = async (
        inputs: object,
        scalars: Readonly<Record<string, number>>,
      ): Promise<void> => {
        const own = stepOf.get(inputs);
        if (own === undefined) throw new Error("the step of these inputs is not known");
        await send({ kind: "step", session, step: own, scalars });
      };
      const exchange = { ranks, begin, mean, gather };
      const opened = await openSession(gpu, net, values, tuning, exchange);
      return {
        ...opened,
        plan: countingAll(opened.plan, ranks),
        close: () => {
          opened.close();
          // The end of the job, if it comes first, closes everything.
          if (!isOver) send({ kind: "close", session }).catch(() => {});
        },
      };
    },
    remember: (step, inputs) => {
      stepOf.set(inputs, step);
    },
    end: async () => {
      isOver = true;
      await send({ kind: "end" });
    },
  };
}

/** A plan whose outputs, which are means over all processes, give the pixels of all of them. */
function countingAll(plan: Plan, ranks: number): Plan {
  const submit: Plan["submit"] = (...given) => {
    const read = plan.submit(...given);
    return async () => {
      const values = await read();
      const mean = values["valid_count"];
      return { ...values, valid_count: mean.map((count) => Math.round(ranks * count)) };
    };
  };
  return { ...plan, submit, run: async (...given) => await submit(...given)() };
}

// A loading thread: opens the data of a run for itself, and makes the inputs of the moments it is
// asked for. moment_loading.ts starts it.
import { parentPort, workerData } from "node:worker_threads";
import { loader } from "../../data/loader.ts";
import { InputError } from "../../tensor/error.ts";
import { openRunTeacher, openSource } from "../source.ts";
import { teacherInputs } from "./moment_inputs.ts";
import { samplesOf } from "./rank_samples.ts";
import type { ThreadData, ThreadReply, ThreadRequest } from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("a loading thread needs a run");
const { config, scale, labelledSteps, withTeacher, place } = workerData as ThreadData;
const reply = (message: ThreadReply): void => port.postMessage(message);
const onMessage = (text: string): void => reply({ kind: "message", text });

const source = { ...(await openSource(config, "train")), ...scale };
const noGpu = (): never => {
  throw new Error("a loading thread has no device");
};
const teacher = withTeacher
  ? await openRunTeacher(config, { gpu: noGpu, source, onMessage, module: "base" })
  : null;
const all = loader(source, {
  seed: config.seed,
  size: config.size,
  augment: config.augmentation,
  badSamples: config.bad_samples,
  labelledSteps,
  onSkip: (text) => reply({ kind: "skip", text }),
});
const samples = samplesOf(all, config, place);

port.on("message", ({ moment }: ThreadRequest) => {
  load(moment).then(reply, (error: unknown) => {
    const isInput = error instanceof InputError;
    const message = error instanceof Error ? error.message : String(error);
    reply({ kind: "fault", moment, message, isInput });
  });
});
reply({ kind: "ready" });

async function load(moment: number): Promise<ThreadReply> {
  const { sample, batch } = await samples.step(moment);
  const taught = withTeacher ? await teacherInputs({ teacher, config }, sample) : {};
  return {
    kind: "moment",
    moment,
    inputs: { ...batch, ...taught },
    // Nothing in training reads the truth of evaluations.
    sample: withTeacher ? null : { ...sample, groundTruth: [] },
  };
}

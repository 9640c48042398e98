// A process that tries mutants of one kernel and tells the outcome of each: a mutant may loop for
// ever, and only the end of the process ends that.
import { openGpu } from "../../src/gpu/node_device.ts";
import { moduleFor } from "../../src/gpu/pipelines.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { checkPrepared, prepareCase } from "../../src/kernels/check/check.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { mutationsOf, type Mutation } from "./mutations.ts";

/** A message to the parent, before and after each mutant. */
export type ChildMessage =
  | { readonly kind: "ready"; readonly cases: number }
  | { readonly kind: "starts"; readonly at: number }
  | { readonly kind: "ends"; readonly at: number; readonly outcome: Outcome };
/** Whether a case was wrong, none was, or the text does not compile. */
export type Outcome = "caught" | "survived" | "invalid";

const [name, places] = process.argv.slice(2);
const kernel = kernels.find(({ shader }) => shader.name === name)!;
const mutations = mutationsOf(shaderText(kernel.shader));
const gpu = await openGpu({ validation: true, clamp_indices: true });
const tell = (message: ChildMessage): void => void process.send!(message);

const lacks = kernel.shader.features.some((feature) => !gpu.facts.features.has(feature));
const cases = kernel.cases
  .filter(({ shapes, attributes }) => !lacks && canRun(kernel, gpu.facts, shapes, attributes))
  .map((problem) => prepareCase(kernel, problem));
tell({ kind: "ready", cases: cases.length });

async function outcomeOf({ code }: Mutation): Promise<Outcome> {
  const mutant = { ...kernel, shader: { ...kernel.shader, code } };
  try {
    await moduleFor(gpu, { name, code, layout: [], constants: {} });
  } catch {
    return "invalid";
  }
  for (const prepared of cases) {
    if (!(await checkPrepared(gpu, mutant, prepared)).ok) return "caught";
  }
  return "survived";
}

if (cases.length > 0) {
  for (const at of places.split(",").map(Number)) {
    tell({ kind: "starts", at });
    tell({ kind: "ends", at, outcome: await outcomeOf(mutations[at]) });
  }
}
gpu.close();
process.exit();

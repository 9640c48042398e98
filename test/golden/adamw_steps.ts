// Runs the golden cases of AdamW: several steps of one graph whose loss has the given gradients,
// the parameters kept in the store from step to step.
import type { Gpu } from "../../src/gpu/device.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import type { Request } from "../../src/graph/request.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { add, multiply } from "../../src/graph/ops/arithmetic.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { VectorCase } from "../../tools/oracle/vectors.ts";
import { relativeErrors, tensorsOf, type Errors } from "./golden_case.ts";

type AdamwCase = {
  readonly rates: readonly number[];
  readonly weight_decay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly max_norm: number;
};

interface Prepared {
  readonly g: Graph;
  readonly request: Request;
  readonly store: CpuStore;
  readonly steps: readonly {
    readonly inputs: Readonly<Record<string, Float32Array>>;
    readonly scalars: Readonly<Record<string, number>>;
  }[];
}

const PARAMETERS = ["weight", "bias"] as const;

/** Relative errors of the parameters and of the gradient norms by the references, in f64. */
export function adamwOnCpu(given: VectorCase): Errors {
  const { g, request, store, steps } = prepare(given);
  const norms = steps.map(
    ({ inputs, scalars }) => runOnCpu(g, request, store, inputs, scalars)["norm"][0],
  );
  return errorsOf(given, store, norms);
}

/** The same by the kernels, in f32. */
export async function adamwOnGpu(gpu: Gpu, given: VectorCase): Promise<Errors> {
  const { g, request, store, steps } = prepare(given);
  const kept = createStore(gpu, g, store);
  const plan = await compile(gpu, g, request, kept);
  try {
    const norms: number[] = [];
    for (const { inputs, scalars } of steps) {
      norms.push((await plan.run(inputs, scalars))["norm"][0]);
    }
    return errorsOf(given, await kept.read(), norms);
  } finally {
    plan.destroy();
    kept.destroy();
  }
}

/** The loss sum <gradient, parameter>, whose gradients are those of the case. */
function prepare(given: VectorCase): Prepared {
  const { rates, max_norm, ...settings } = given.attributes as AdamwCase;
  const tensors = tensorsOf(given.inputs);
  const g = graph();
  const terms = PARAMETERS.map((name) => {
    const { shape, values } = tensors.get(name)!;
    const parameter = g.parameter(name, shape, () => Float32Array.from(values), name === "weight");
    return reduce(multiply(parameter, g.input(`gradient.${name}`, shape)), "sum");
  });
  const gradients = g.gradients(terms.reduce((a, b) => add(a, b)));
  const norm = gradNorm(g.arena("gradients"), { max_norm });
  adamw(g, norm, settings);
  return {
    g,
    request: { outputs: { norm }, gradients },
    store: initialStore(g, 0),
    steps: rates.map((learning_rate, step) => ({
      inputs: Object.fromEntries(
        PARAMETERS.map((name) => [
          `gradient.${name}`,
          Float32Array.from(tensors.get(`gradient${step}.${name}`)!.values),
        ]),
      ),
      scalars: {
        learning_rate,
        correction1: 1 / (1 - settings.beta1 ** (step + 1)),
        correction2: 1 / (1 - settings.beta2 ** (step + 1)),
      },
    })),
  };
}

function errorsOf(given: VectorCase, store: CpuStore, norms: readonly number[]): Errors {
  const found = (name: string): ArrayLike<number> => {
    if (name === "norms") return norms;
    const { offset, size } = store.layout.byName.get(name)!;
    return store.arenas.parameters.subarray(offset, offset + size);
  };
  const wanted = given.outputs.map((want) => [want!.name, want!] as const);
  return relativeErrors(wanted, found);
}

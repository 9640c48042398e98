// The figures of the ceilings, and the forms that may reach them: each kind of access at each
// working-set size, arithmetic, and a dispatch that does nothing.
import { ALIGNMENT_BYTES } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import {
  ceilingCopy,
  ceilingFma,
  ceilingFmaF16,
  ceilingRead,
  ceilingTriad,
} from "../kernels/ceiling.ts";
import type { AnyKernel, Cost } from "../engine/kernel.ts";
import type { Form } from "./best_rates.ts";
import { prepareCeiling, type CeilingTensors, type CeilingWork } from "./ceiling_dispatch.ts";
import type { GPUSupportedLimits } from "../gpu/webgpu_types.ts";

const MIB = 2 ** 20;
// From working sets that fit the last-level cache to ones that do not.
const HARDWARE_MIB = [2, 8, 32, 128, 512];
const SOFTWARE_MIB = [1, 4, 16, 64];
// A software adapter shares its cores: the shorter a time, the more likely it is undisturbed. So a
// large working set is covered range by range, each time the one used longest ago.
const SOFTWARE_PART_BYTES = 4 * MIB;
const SAMPLE_MS = 1;
// Invocations, and repetitions of each, so that a dispatch takes about a millisecond at most.
const HARDWARE_FMA = { invocations: [2 ** 18, 2 ** 20, 2 ** 21], f32_loops: 32, f16_loops: 32 };
const SOFTWARE_FMA = { invocations: [2 ** 11, 2 ** 13], f32_loops: 64, f16_loops: 4 };

/** A kind of access to memory. */
export type Access = "copy" | "read" | "triad";

/** Figures that are not bandwidths. */
export const FIGURE = { f32: "f32", f16: "f16", launch: "launch" } as const;

// The size of a working set is divided among inputs and outputs of equal size.
const ACCESS: Readonly<
  Record<Access, { readonly kernel: AnyKernel; readonly inputs: string[]; readonly share: number }>
> = {
  copy: { kernel: ceilingCopy, inputs: ["x"], share: 2 },
  read: { kernel: ceilingRead, inputs: ["x"], share: 1 },
  triad: { kernel: ceilingTriad, inputs: ["a", "b"], share: 3 },
};

/** The name of the figure of an access at a working-set size. */
export function accessFigure(access: Access, working_set_bytes: number): string {
  return `${access} ${working_set_bytes}`;
}

/** Adapter facts that determine the working-set sizes. */
interface Sized {
  readonly facts: Pick<Gpu["facts"], "software">;
  readonly limits: Pick<GPUSupportedLimits, "maxBufferSize" | "maxStorageBufferBindingSize">;
}

/** The working-set sizes that an adapter can bind, smallest first. */
export function workingSets({ facts, limits }: Sized): number[] {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  return (facts.software ? SOFTWARE_MIB : HARDWARE_MIB)
    .map((mebibytes) => mebibytes * MIB)
    .filter((bytes) => bytes <= most);
}

/** How forms are measured. */
export interface FormSettings {
  readonly quantum_ns: number;
  /** For one moment. */
  readonly samples: number;
  /** The number of compute units of the device; rates are multiplied by it. */
  readonly workers: number;
}

/** Compiles the forms of memory and arithmetic; rates are bytes or flops per millisecond. */
export async function prepareForms(
  tensors: CeilingTensors,
  { quantum_ns, samples, workers }: FormSettings,
): Promise<Form[]> {
  const forms: Form[] = [];
  const add = async (
    figure: string,
    amount: (cost: Cost) => number,
    work: CeilingWork,
  ): Promise<void> => {
    const time_ms = await prepareCeiling(tensors, quantum_ns, work);
    const done = workers * amount(work.kernel.cost(work.shapes, work.attributes));
    forms.push({ figure, rate: async () => done / (await time_ms()) });
  };
  const { facts } = tensors.gpu;
  const common = { samples, least_ms: SAMPLE_MS };
  for (const set_bytes of workingSets(tensors.gpu)) {
    const parts = facts.software ? Math.ceil(set_bytes / SOFTWARE_PART_BYTES) : 1;
    for (const access of ["copy", "read", "triad"] as const) {
      const { kernel, inputs, share } = ACCESS[access];
      const bytes = ALIGNMENT_BYTES * Math.floor(set_bytes / parts / share / ALIGNMENT_BYTES);
      const shapes = Object.fromEntries(inputs.map((name) => [name, [bytes / 4]]));
      for (const runs of [false, true]) {
        const work = { ...common, kernel, shapes, attributes: { runs }, parts };
        await add(accessFigure(access, set_bytes), (cost) => cost.bytes, work);
      }
    }
  }
  const { invocations, f32_loops, f16_loops } = facts.software ? SOFTWARE_FMA : HARDWARE_FMA;
  for (const shape of invocations.map((count) => [count])) {
    const work = { ...common, shapes: { x: shape }, parts: 1 };
    const f32 = { ...work, kernel: ceilingFma, attributes: { loops: f32_loops } };
    await add(FIGURE.f32, (cost) => cost.flops, f32);
    if (!facts.features.has("shader-f16")) continue;
    const f16 = { ...work, kernel: ceilingFmaF16, attributes: { loops: f16_loops } };
    await add(FIGURE.f16, (cost) => cost.flops, f16);
  }
  return forms;
}

/** Compiles a dispatch that does nothing; its rate is dispatches per millisecond. */
export async function prepareLaunch(
  tensors: CeilingTensors,
  { quantum_ns, samples }: Omit<FormSettings, "workers">,
): Promise<Form> {
  const nothing = { kernel: ceilingCopy, shapes: { x: [4] }, attributes: { runs: false } };
  // As kernels are timed: one at a time, unless the clock needs more.
  const once = { ...nothing, parts: 1, least_ms: 0, samples };
  const time_ms = await prepareCeiling(tensors, quantum_ns, once);
  return { figure: FIGURE.launch, rate: async () => 1 / (await time_ms()) };
}

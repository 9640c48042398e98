// The dispatches of a plan: each call as a pipeline with its bind group, its params and its grid.
import { ALIGNMENT_BYTES, UNIFORM_USAGE } from "../gpu/buffers.ts";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import type { PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor, pipelineLabel } from "../gpu/pipelines.ts";
import { storedAsHalf } from "../engine/half_storage.ts";
import type { Cost } from "../engine/kernel.ts";
import { specialize, type Specialized, freezesShapes } from "../engine/specialize.ts";
import { explained } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { halfBindings } from "./half_tensors.ts";
import { bindingShapes, type Program } from "./lower.ts";
import type { PlanBuffers } from "./plan_buffers.ts";
import type { Call } from "./value.ts";

/** One dispatch of a plan, as named in profiles and reports. */
export interface PlannedDispatch {
  readonly op: string;
  readonly kernel: string;
  readonly pipeline: string;
  readonly cost: Cost;
  /** Bytes of the intermediates that are live while it runs. */
  readonly live_bytes: number;
  readonly dispatch: PreparedDispatch;
  /** Its kernel and tensors. */
  readonly call: Call;
}

/** One dispatch per call: all pipelines compiled in parallel, every bind group created. */
export async function prepareDispatches(
  gpu: Gpu,
  program: Program,
  buffers: PlanBuffers,
): Promise<PlannedDispatch[]> {
  const halves = program.calls.map((call) => halfBindings(call, program.rootOf, buffers.half));
  const specialized = program.calls.map((call, i) => specializeCall(call, gpu.facts, halves[i]));
  const params = packUniforms(specialized);
  const uniform = buffers.own("params", params.bytes.byteLength, UNIFORM_USAGE);
  for (const { bindings } of program.calls) {
    for (const tensor of Object.values(bindings)) buffers.homeOf(tensor);
  }
  await buffers.fill();
  const { device } = gpu;
  device.queue.writeBuffer(uniform.buffer, 0, params.bytes);
  const pipelines = await Promise.all(specialized.map(({ source }) => pipelineFor(gpu, source)));
  return program.calls.map((call, i): PlannedDispatch => {
    const { kernel, bindings } = call;
    const { source, params: block, grid } = specialized[i];
    const entries: GPUBindGroupEntry[] = kernel.shader.bindings.map(({ name, binding }) => {
      const home = buffers.homeOf(bindings[name]);
      return {
        binding,
        resource: { buffer: home.buffer, offset: home.offset_bytes, size: home.size_bytes },
      };
    });
    if (block !== null) {
      entries.push({
        binding: 0,
        resource: { buffer: uniform.buffer, offset: params.offsets[i], size: block.byteLength },
      });
    }
    const { pipeline, layout } = pipelines[i];
    return {
      op: call.op,
      kernel: kernel.shader.name,
      pipeline: pipelineLabel(source),
      cost: costOf(call, halves[i]),
      live_bytes: buffers.liveBytes[i],
      dispatch: {
        pipeline,
        bindGroup: device.createBindGroup({ label: `${call.op}: ${source.name}`, layout, entries }),
        grid,
      },
      call,
    };
  });
}

/** The cost of a call whose bindings `half` have two bytes per number. */
function costOf({ kernel, bindings, attributes }: Call, half: readonly string[]): Cost {
  const { flops, bytes } = kernel.cost(bindingShapes(bindings), attributes);
  const saved = half.reduce((sum, name) => sum + 2 * size(bindings[name].shape), 0);
  return { flops, bytes: Math.max(0, bytes - saved) };
}

/** `specialize` with the bindings `half` stored as f16, and with the op named in its errors. */
function specializeCall(
  { op, kernel, bindings, attributes }: Call,
  facts: AdapterFacts,
  half: readonly string[],
): Specialized {
  try {
    const shapes = bindingShapes(bindings);
    const made = specialize(kernel, shapes, attributes, freezesShapes(facts), facts);
    const { source } = made;
    return { ...made, source: { ...source, code: storedAsHalf(source.code, half) } };
  } catch (error) {
    throw explained(error, `${op}: `);
  }
}

/** All params blocks in one buffer, equal blocks once. */
function packUniforms(specialized: readonly Specialized[]): {
  bytes: Uint8Array<ArrayBuffer>;
  offsets: number[];
} {
  const known = new Map<string, number>();
  const blocks: Uint8Array[] = [];
  const offsets = specialized.map(({ params, source }) => {
    if (params === null) return 0;
    const block = new Uint8Array(params);
    const key = block.join();
    let offset = known.get(key);
    if (offset === undefined) {
      offset = blocks.length * ALIGNMENT_BYTES;
      known.set(key, offset);
      if (block.length > ALIGNMENT_BYTES) {
        throw new RangeError(
          `${source.name}: struct Params takes more than ${ALIGNMENT_BYTES} bytes`,
        );
      }
      blocks.push(block);
    }
    return offset;
  });
  const bytes = new Uint8Array(Math.max(1, blocks.length) * ALIGNMENT_BYTES);
  blocks.forEach((block, i) => bytes.set(block, i * ALIGNMENT_BYTES));
  return { bytes, offsets };
}

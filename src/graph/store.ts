// Parameters, optimiser arenas and states on the GPU: one buffer each, shared by the plans of a
// training run (the step, the evaluation) and outliving them.
import { createBuffer, STORAGE_USAGE, type CountedBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { readFloats } from "../gpu/read_back.ts";
import type { CpuStore } from "./cpu.ts";
import type { Graph } from "./graph.ts";
import { ARENAS, arenaLayout, eachArena, type ArenaLayout } from "./layout.ts";
import type { ArenaName } from "./value.ts";

/** Trained and kept tensors on the GPU. */
export interface GpuStore {
  readonly layout: ArenaLayout;
  readonly stateLayout: ArenaLayout;
  readonly arenas: Readonly<Record<ArenaName, CountedBuffer>>;
  readonly states: CountedBuffer;
  /**
   * Copies arenas and states of the host in; throws where they are those of other parameters or
   * states.
   */
  readonly write: (values: CpuStore) => void;
  /** Reads everything back, exactly. */
  readonly read: () => Promise<CpuStore>;
  readonly destroy: () => void;
}

/** Makes the buffers of a graph's parameters and states and fills them from the host. */
export function createStore(gpu: Gpu, graph: Graph, initial: CpuStore): GpuStore {
  const layout = initial.layout;
  const stateLayout = arenaLayout(graph.states);
  const arenas = eachArena((name) => createBuffer(gpu, name, 4 * layout.floats, STORAGE_USAGE));
  const states = createBuffer(gpu, "states", 4 * stateLayout.floats, STORAGE_USAGE);
  const { queue } = gpu.device;
  const write = (values: CpuStore): void => {
    for (const name of ARENAS) {
      const { length } = values.arenas[name];
      if (length !== layout.floats) {
        throw new Error(`${name}: ${length} numbers for an arena of ${layout.floats}`);
      }
      queue.writeBuffer(arenas[name].buffer, 0, Float32Array.from(values.arenas[name]));
    }
    for (const { name, offset, size } of stateLayout.slots) {
      const state = values.states.get(name);
      if (state?.length !== size) {
        throw new Error(`state ${name}: ${state?.length ?? "no"} numbers, needs ${size}`);
      }
      queue.writeBuffer(states.buffer, 4 * offset, Float32Array.from(state));
    }
  };
  write(initial);
  return {
    layout,
    stateLayout,
    arenas,
    states,
    write,
    read: async () => {
      const read: Partial<Record<ArenaName, Float64Array>> = {};
      for (const name of ARENAS) {
        read[name] = Float64Array.from(await readFloats(gpu, arenas[name].buffer, layout.floats));
      }
      const flat = await readFloats(gpu, states.buffer, stateLayout.floats);
      return {
        layout,
        arenas: eachArena((name) => read[name]!),
        states: new Map(
          stateLayout.slots.map(({ name, offset, size }) => [
            name,
            Float64Array.from(flat.subarray(offset, offset + size)),
          ]),
        ),
      };
    },
    destroy: () => {
      for (const buffer of [...Object.values(arenas), states]) buffer.destroy();
    },
  };
}

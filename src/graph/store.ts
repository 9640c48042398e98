// Parameters, optimiser arenas and states on the GPU: one buffer each, shared by the plans of a
// training run (step and evaluation) and outliving them.
import {
  allReady,
  createBuffer,
  createEach,
  STORAGE_USAGE,
  withLargest,
  type CountedBuffer,
} from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { readFloats } from "../gpu/read_back.ts";
import { InputError } from "../tensor/error.ts";
import type { CpuStore } from "./cpu_store.ts";
import type { Graph } from "./graph.ts";
import { hostFloats, refuseUnknown } from "./host_numbers.ts";
import { ARENAS, arenaLayout, eachArena, slotOf, type ArenaLayout } from "./layout.ts";
import type { ArenaName } from "./value.ts";

/** Trained and kept tensors on the GPU. */
export interface GpuStore {
  readonly layout: ArenaLayout;
  readonly stateLayout: ArenaLayout;
  readonly arenas: Readonly<Record<ArenaName, CountedBuffer>>;
  readonly states: CountedBuffer;
  /**
   * Copies arenas and states from the host; throws InputError, before copying anything, if they
   * belong to other parameters or states.
   */
  readonly write: (values: CpuStore) => void;
  /** Reads everything back, exactly. */
  readonly read: () => Promise<CpuStore>;
  /** Settles when the driver has created the buffers; rejects with GpuMemoryError if it cannot. */
  readonly ready: () => Promise<void>;
  /** Throws InputError after `destroy`. */
  readonly check: () => void;
  readonly destroy: () => void;
}

/**
 * Creates the buffers of a graph's parameters and states and fills them from the host. Throws
 * InputError if `initial` does not fit the graph and GpuMemoryError if they exceed the memory
 * budget; nothing was created then.
 */
export function createStore(gpu: Gpu, graph: Graph, initial: CpuStore): GpuStore {
  const layout = initial.layout;
  for (const parameter of graph.parameters) slotOf(layout, parameter);
  const stateLayout = arenaLayout(graph.states);
  refuseUnknown("state", Object.fromEntries(initial.states), [...stateLayout.byName.keys()]);
  const first = hostValues(initial, layout, stateLayout);
  const buffers = createEach([...ARENAS, STATES], (name) => {
    const slots = name === STATES ? stateLayout : layout;
    return createBuffer(gpu, name, 4 * slots.floats, STORAGE_USAGE, () =>
      withLargest(name, slots.slots),
    );
  });
  const states = buffers[ARENAS.length];
  const arenas = eachArena((name) => buffers[ARENAS.indexOf(name)]);
  let destroyed = false;
  const check = (): void => {
    if (destroyed) throw new InputError("the store was destroyed; create another one");
  };
  const upload = ({ arenas: floats, states: given }: HostValues): void => {
    const { queue } = gpu.device;
    for (const name of ARENAS) queue.writeBuffer(arenas[name].buffer, 0, floats[name]);
    for (const { name, offset } of stateLayout.slots) {
      queue.writeBuffer(states.buffer, 4 * offset, given[name]);
    }
  };
  // If the driver has no memory, the first writes fail too; `ready` reports it.
  const { device } = gpu;
  device.pushErrorScope("validation");
  upload(first);
  device.popErrorScope().catch(() => {});
  const ready = async (): Promise<void> => await allReady(gpu, buffers);
  return {
    layout,
    stateLayout,
    arenas,
    states,
    ready,
    check,
    write: (values) => {
      check();
      upload(hostValues(values, layout, stateLayout));
    },
    read: async () => {
      check();
      await ready();
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
      destroyed = true;
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

const STATES = "states";

/** The content copied into a store. */
interface HostValues {
  readonly arenas: Readonly<Record<ArenaName, Float32Array<ArrayBuffer>>>;
  readonly states: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

/** The numbers of the host as f32; throws InputError if any do not fit. */
function hostValues(
  { arenas, states }: CpuStore,
  { floats }: ArenaLayout,
  { slots }: ArenaLayout,
): HostValues {
  return {
    arenas: eachArena((name) => hostFloats({ kind: "arena", name, shape: [floats] }, arenas[name])),
    states: Object.fromEntries(
      slots.map(({ name, shape }) => [
        name,
        hostFloats({ kind: "state", name, shape }, states.get(name)),
      ]),
    ),
  };
}

// The adapter of a command: opened, named in the first line, closed again.
import type { AdapterFacts, Gpu } from "../../gpu/device.ts";
import type { Output } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";

/** Says the first line of every command: the adapter, in red where it is a software one. */
export function sayAdapter(
  { say, alert }: Output,
  { name, driver, software }: Pick<AdapterFacts, "name" | "driver" | "software">,
): void {
  const detail = driver === "" || driver === name ? "" : ` (${driver})`;
  if (software) alert(`adapter: ${name}${detail}, a software one: slow, but the same numbers`);
  else say(`adapter: ${name}${detail}`);
}

/**
 * Where indices are clamped, so that the check of kernels finds accesses far outside of a tensor:
 * nowhere, on the device itself, or on a second one beside it, since it changes times.
 */
type Clamping = "none" | "all" | "beside";

/**
 * Opens a validated device, says which, and closes it when `work` is done. `work` may open a fresh
 * one in its place, which closes the one before.
 */
export async function withGpu<T>(
  surroundings: Surroundings,
  output: Output,
  adapter: string | undefined,
  work: (gpu: Gpu, reopen: () => Promise<Gpu>) => Promise<T>,
  clamping: Clamping = "none",
): Promise<T> {
  const open = async (clamp_indices: boolean): Promise<Gpu> =>
    await surroundings.openGpu({
      validation: true,
      clamp_indices,
      ...(adapter !== undefined && { adapter }),
    });
  let gpu = await open(clamping === "all");
  let clamped: Gpu | null = null;
  try {
    sayAdapter(output, gpu.facts);
    if (clamping === "beside") clamped = await open(true);
    const reopen = async (): Promise<Gpu> => {
      gpu.close();
      gpu = await open(clamping === "all");
      return gpu;
    };
    const result = await work(clamped === null ? gpu : besideClamped(gpu, clamped), reopen);
    clamped?.check();
    gpu.check();
    return result;
  } finally {
    clamped?.close();
    gpu.close();
  }
}

/** The same device, with its clamping twin; it goes on to answer for itself. */
function besideClamped(gpu: Gpu, clamped: Gpu): Gpu {
  return Object.create(gpu, { clamped: { value: clamped, enumerable: true } }) as Gpu;
}

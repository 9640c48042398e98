// Opens the adapter of a command, names it in the first line, and closes it again.
import type { AdapterFacts, Gpu } from "../../gpu/device.ts";
import type { Output, Surroundings } from "./surroundings.ts";

/** Prints the first line of every command: the adapter, in red if it is a software one. */
export function sayAdapter(
  { say, alert }: Output,
  { name, driver, software }: Pick<AdapterFacts, "name" | "driver" | "software">,
): void {
  const detail = driver === "" || driver === name ? "" : ` (${driver})`;
  if (software)
    alert(`adapter: ${name}${detail}; a software adapter: slow, but with the same results`);
  else say(`adapter: ${name}${detail}`);
}

/**
 * On which device indices are clamped, so that kernel checks find accesses far outside a tensor: on
 * none, on the device itself, or on a second one, because clamping changes times.
 */
type Clamping = "none" | "all" | "beside";

/**
 * Opens a validated device, prints its name, and closes it when `work` is done. `work` may replace
 * it with a fresh one, which closes the old one.
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

/** The same device, together with a second one that clamps indices. */
function besideClamped(gpu: Gpu, clamped: Gpu): Gpu {
  return Object.create(gpu, { clamped: { value: clamped, enumerable: true } }) as Gpu;
}

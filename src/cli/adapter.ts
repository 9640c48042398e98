// The adapter of a command: opened, named in the first line, closed again.
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
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

/** Opens a validated device, says which, and closes it when `work` is done. */
export async function withGpu<T>(
  surroundings: Surroundings,
  output: Output,
  adapter: string | undefined,
  work: (gpu: Gpu) => Promise<T>,
): Promise<T> {
  const gpu = await surroundings.openGpu({
    validation: true,
    ...(adapter !== undefined && { adapter }),
  });
  try {
    sayAdapter(output, gpu.facts);
    const result = await work(gpu);
    gpu.check();
    return result;
  } finally {
    gpu.close();
  }
}

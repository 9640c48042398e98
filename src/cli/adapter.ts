// The adapter of a command: opened, named in the first line, closed again.
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import type { Output } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";

/** The first line of every command. */
function adapterLine({ name, driver, software }: AdapterFacts): string {
  const detail = driver === "" || driver === name ? "" : ` (${driver})`;
  const kind = software ? ", a software one: slow, but the same numbers" : "";
  return `adapter: ${name}${detail}${kind}`;
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
    output.say(adapterLine(gpu.facts));
    const result = await work(gpu);
    gpu.check();
    return result;
  } finally {
    gpu.close();
  }
}

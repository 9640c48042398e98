// What a command runs in: its streams and the way to a GPU. The process in life, their own in
// tests.
import { openGpu, type Gpu, type GpuOptions } from "../../gpu/device.ts";
import { safeStream } from "./safe_stream.ts";
import type { TextStream } from "./text_stream.ts";

/** All that a command reaches outside of itself. */
export interface Surroundings {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly openGpu: (options: GpuOptions) => Promise<Gpu>;
}

/** The surroundings of this process. */
export function processSurroundings(): Surroundings {
  return { stdout: safeStream(process.stdout), stderr: safeStream(process.stderr), openGpu };
}

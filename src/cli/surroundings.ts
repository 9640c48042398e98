// What a command runs in: its streams and the way to a GPU. The process in life, their own in
// tests.
import { openGpu, type Gpu, type GpuOptions } from "../gpu/device.ts";

/** Where text goes. */
export interface TextStream {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
}

/** All that a command reaches outside of itself. */
export interface Surroundings {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly openGpu: (options: GpuOptions) => Promise<Gpu>;
}

/** The surroundings of this process. */
export const PROCESS: Surroundings = { stdout: process.stdout, stderr: process.stderr, openGpu };

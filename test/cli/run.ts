// Runs the program in this process, on the device that all tests share, and keeps what it wrote.
import { runCli } from "../../src/cli/program.ts";
import type { Surroundings } from "../../src/cli/terminal/surroundings.ts";
import { gpu } from "../support/gpu.ts";

/** What one run of the program left behind. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ringdepth ...args`. */
export async function cli(...args: string[]): Promise<CliRun> {
  const written = { stdout: "", stderr: "" };
  const surroundings: Surroundings = {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    // The device outlives the command.
    openGpu: async () => await Promise.resolve({ ...gpu, close: () => undefined }),
  };
  const code = await runCli(args, surroundings);
  return { code, ...written };
}

// Entry point of the command line: importing this file runs the program.
import type { Gpu, GpuOptions } from "../gpu/device.ts";
import { runCli } from "./program.ts";
import { safeStream } from "./terminal/safe_stream.ts";

const { argv, stdout, stderr } = process;
// Loads the library of the GPU once a command needs it.
const openGpu = async (options: GpuOptions): Promise<Gpu> =>
  await (await import("../gpu/node_device.ts")).openGpu(options);
const surroundings = { stdout: safeStream(stdout), stderr: safeStream(stderr), openGpu };
// Sets the code instead of calling exit(), so that text still on its way to a pipe is written.
process.exitCode = await runCli(argv.slice(2), surroundings);

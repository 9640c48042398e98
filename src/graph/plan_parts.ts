// A step in parts, for processes that train together: each part is one pass and one submit, and
// between two parts the numbers of a meeting go to the host, to the other processes and back.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { stagingRing, type BufferRange } from "../gpu/read_back.ts";
import { met, type Exchange, type Meeting } from "./exchange.ts";

/** The parts of a step. */
export interface StepParts {
  /** Runs all of them after `upload`; the steps before must have ended. Returns the outputs. */
  readonly run: (upload: () => void) => Promise<Float32Array>;
  readonly size_bytes: number;
  readonly ready: () => Promise<void>;
  readonly destroy: () => void;
}

/** Splits dispatches at their meetings; `outputs` are read once all are done. */
export function stepParts(
  gpu: Gpu,
  dispatches: readonly PreparedDispatch[],
  all: readonly Meeting<BufferRange>[],
  outputs: readonly BufferRange[],
  exchange: Exchange,
): StepParts {
  const bytes = (ranges: readonly BufferRange[]): number =>
    ranges.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const most = Math.max(bytes(outputs), ...all.map(({ places }) => bytes(places)));
  const staging = stagingRing(gpu, "exchange", most, 1);
  const part = async (
    work: readonly PreparedDispatch[],
    ranges: readonly BufferRange[],
  ): Promise<Float32Array> => {
    const encoder = gpu.device.createCommandEncoder({ label: "part of a step" });
    encodePass(encoder, "part of a step", work);
    const read = staging.copy(encoder, ranges);
    gpu.device.queue.submit([encoder.finish()]);
    return await read();
  };
  return {
    run: async (upload) => {
      upload();
      let done = 0;
      for (const { calls, kind, places } of all) {
        const own = await part(dispatches.slice(done, calls), places);
        done = calls;
        scatter(gpu, places, await met(kind, own, exchange));
      }
      return await part(dispatches.slice(done), outputs);
    },
    size_bytes: staging.size_bytes,
    ready: staging.ready,
    destroy: staging.destroy,
  };
}

/** Writes numbers to ranges, one behind the other. */
function scatter(gpu: Gpu, ranges: readonly BufferRange[], values: Float32Array): void {
  let start = 0;
  for (const { buffer, offset_bytes, size_bytes } of ranges) {
    const end = start + size_bytes / 4;
    const bytes = values.slice(start, end);
    if (size_bytes > 0) gpu.device.queue.writeBuffer(buffer, offset_bytes, bytes);
    start = end;
  }
}

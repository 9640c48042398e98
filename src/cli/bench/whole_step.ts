// The whole training step in the answer of `bench bins`: bins are a part of it, and a part that is four
// times as fast does not make the whole four times as fast.
import { nullIfInterrupted } from "../../measure/measure.ts";
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import { benchStep, stepForms } from "../../profile/bench/step_bench.ts";
import { resolveConfig } from "../../train/config.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import type { BenchRun } from "./bench_run.ts";

/** Small, so that `bench bins --quick` stays below its minute and a half on two cores. */
const SIZE = { height: 64, width: 96 };
/** For the comparison with the CPU path. */
const SMALL = { height: 32, width: 32 };
/** Times the seconds of a problem: a step takes longer than a decode, and there is only one. */
const MORE = 3;
/** The name of the step in lines and tables. */
export const WHOLE_STEP: string = `nano, 6x${SIZE.height}x${SIZE.width}`;

/**
 * A training step of nano on the built-in rig with bins and relations stored, and with both fused:
 * checked, then timed interleaved. Empty once the bench is interrupted.
 */
export async function benchWholeStep({
  bench,
  ceilings,
  gpu,
  progress,
}: Pick<BenchRun, "bench" | "ceilings" | "gpu" | "progress">): Promise<readonly WayRow[]> {
  if (bench.signal?.aborted === true) return [];
  progress(`a whole training step: ${WHOLE_STEP}`);
  const config = resolveConfig({ size: SIZE }, "bench bins");
  const source = await openSource(config, "train");
  const teacher = await openRunTeacher(config, { gpu: () => gpu, source, module: "untrained" });
  const forms = stepForms(config).filter(({ name }) => name.startsWith("all "));
  const data = { source, teacher };
  const { settings } = bench;
  const patient = { ...bench, settings: { ...settings, timeout_s: MORE * settings.timeout_s } };
  const rows = await benchStep(patient, ceilings, forms, data, SMALL, progress).catch(
    nullIfInterrupted,
  );
  return rows ?? [];
}

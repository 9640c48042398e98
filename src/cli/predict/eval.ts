// `ringdepth eval`: the metrics of a trained student per camera.
import type { Command } from "commander";
import {
  describeMetres,
  describeMoments,
  evaluationRemarks,
  metresBy,
} from "../../train/evaluation_words.ts";
import { evaluate, loadPredictor } from "../../train/predictor.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { common } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { cachedChoices } from "../settings/tuning_cache.ts";
import {
  anchorOption,
  anchorPoints,
  openStudentSource,
  studentOptions,
  type StudentOptions,
} from "./student_source.ts";
import { anchorLines } from "./anchor_lines.ts";
import { metricLines } from "../terminal/table.ts";

/** LiDAR points per view that `--anchor` draws without a number. */
const ANCHOR_POINTS = 200;

/** Defines the command. */
export const defineEval: Define = (program: Command, { surroundings }) => {
  const command = program
    .command("eval")
    .description("evaluate a trained student against true depth: seven metrics per camera");
  common(
    anchorOption(studentOptions(command), ANCHOR_POINTS),
    "ringdepth eval --checkpoint runs/ddad/student.safetensors",
  );
  command.action(async (options: StudentOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { file, source, badSamples } = await openStudentSource(options, output.warn);
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      output.say(`data: ${source.describe()}`);
      const tuning = await cachedChoices(gpu.facts, options.tune, output.warn);
      const predictor = await loadPredictor(gpu, file, source, tuning);
      try {
        const points = anchorPoints(options, ANCHOR_POINTS);
        const found = await evaluate(predictor, source, badSamples, output.warn, points);
        const { result, anchor, consistency, moments, trained_on, skipped_samples } = found;
        const about = { moments, trained_on, metres_by: metresBy(file), skipped_samples };
        const shown = { ...result, consistency: consistency.all, ...about };
        output.result(anchor === null ? shown : { ...shown, anchor }, [
          `protocol ${result.protocol}, depths ${result.min_m} to ${result.cap_m} m, ` +
            describeMoments(source.split, found),
          ...metricLines(result),
          ...(anchor === null ? [] : anchorLines(anchor, result)),
          describeMetres(file, source),
          ...evaluationRemarks(found),
        ]);
      } finally {
        predictor.destroy();
      }
    });
  });
};

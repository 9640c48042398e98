// The work after training: evaluates the other split's moments and the best constant depth on them,
// and writes pictures of moments that the student has not seen, and report.html. Trains nothing.
import { basename } from "node:path";
import type { DataSource } from "../data/data_source.ts";
import type { EvaluationResult } from "../evaluate/protocol.ts";
import { writeFileAtomically } from "../formats/atomic_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { size } from "../tensor/shape.ts";
import { checkNames } from "../tensor/options.ts";
import { renderReport } from "../report/html.ts";
import type { Curve, EarlierAblation, ReportPicture, ReportRun } from "../report/report_data.ts";
import { checkedMaps } from "../teacher/checked_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import type { TrainConfig } from "./config.ts";
import { formatConfig } from "./config/text.ts";
import { constantResult, readSample } from "./constant_result.ts";
import { describeMetres, describeMoments } from "./evaluation_words.ts";
import { kernelTimes } from "./kernel_times.ts";
import { pictureWriter } from "./moment_files.ts";
import { outputSize } from "./network.ts";
import type { Evaluation } from "./evaluation.ts";
import { evaluate } from "./evaluate_student.ts";
import { createPredictor, type Predictor } from "./predictor.ts";
import type { StepRecord } from "./run_folder.ts";
import { seenBy } from "./student_origin.ts";
import type { TrainedRun } from "./trainer.ts";

/** The inputs of a summary. */
export interface SummaryInput {
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly trained: TrainedRun;
  /** The training moments, on which the constants are fitted. */
  readonly source: DataSource;
  /** The moments to evaluate; if some were trained on, the report says so. */
  readonly heldOut: DataSource;
  readonly teacher: Teacher | null;
  /** When the run ended, as the report prints it. */
  readonly date: string;
  /** The rows of an earlier ablation at this budget, for the report. */
  readonly ablation?: EarlierAblation;
  /** Receives a line for people about a sample that is left out. */
  readonly onMessage: (message: string) => void;
}

/** The quality of the student. */
export interface Summary {
  readonly evaluation: Evaluation;
  /** The best constant depth per camera on the same moments; null if none could be fitted. */
  readonly baseline: EvaluationResult | null;
  /**
   * AbsRel of the student divided by that of the constants; null without them or if theirs is 0.
   */
  readonly ratio: number | null;
  /** Path of report.html. */
  readonly report: string;
}

const PICTURED_MOMENTS = 2;

const INPUT: Readonly<Record<keyof SummaryInput, true>> = {
  gpu: true,
  config: true,
  trained: true,
  source: true,
  heldOut: true,
  teacher: true,
  date: true,
  ablation: true,
  onMessage: true,
};

/** Evaluates a trained student and writes pictures and report into its run folder. */
export async function summarize(input: SummaryInput): Promise<Summary> {
  checkNames("summarize", input, Object.keys(INPUT));
  const { gpu, config, trained, heldOut } = input;
  const { store, plan, folder, student, tuning } = trained;
  const predictor = await createPredictor(gpu, student, heldOut, store, tuning);
  try {
    const evaluation = await evaluate(predictor, heldOut, config.bad_samples, input.onMessage);
    const { protocol } = student.origin.scale;
    const baseline = await constantResult({ ...input, protocol });
    const pictures = await pictureMoments(input, predictor);
    const kernels = await kernelTimes(gpu, plan, store);
    const { records } = folder;
    const html = await renderReport({
      run: describeRun(input, evaluation),
      loss: lossCurves(records),
      absRel: validationCurves(records),
      learningRate: curve("learning rate", records, (record) => record.learning_rate),
      evaluation: evaluation.result,
      ...(baseline && { baseline }),
      consistency: evaluation.consistency,
      ...(input.ablation && { ablation: input.ablation }),
      pictures,
      kernels,
      configuration: formatConfig(config),
    });
    await writeFileAtomically(folder.report, new TextEncoder().encode(html));
    const constant = baseline?.all.abs_rel ?? 0;
    const ratio = constant > 0 ? evaluation.result.all.abs_rel / constant : null;
    return { evaluation, baseline, ratio, report: folder.report };
  } finally {
    predictor.destroy();
  }
}

/** Pictures of the first and the middle evaluated moment, written to the run folder too. */
async function pictureMoments(input: SummaryInput, predictor: Predictor): Promise<ReportPicture[]> {
  const { teacher, config, trained } = input;
  const heldOut = seenBy(trained.student.origin, input.heldOut);
  const shown = Math.min(heldOut.count, PICTURED_MOMENTS);
  const pictures: ReportPicture[] = [];
  const writer = pictureWriter(trained.folder.depth, heldOut, input.onMessage);
  for (let i = 0; i < shown; i++) {
    const sample = await readSample(heldOut, Math.floor((i * heldOut.count) / shown), config);
    if (sample === null) continue;
    const depth_m = await predictor.predict(sample);
    const half = outputSize(config.size);
    const maps = teacher && (await checkedMaps(teacher, sample, half, config.head.bins));
    // Both ascend with distance: where a pixel lies among the bins.
    const relative = maps?.index ?? maps?.pi;
    const moment = {
      sample,
      depth_m,
      ...(relative && { teacher: { ...half, values: relative } }),
    };
    const picture = await writer.write(moment);
    pictures.push({ caption: `moment ${sample.id}`, picture });
  }
  return pictures;
}

function describeRun(input: SummaryInput, evaluation: Evaluation): ReportRun {
  const { gpu, config, trained, source, heldOut } = input;
  const { records, path } = trained.folder;
  return {
    name: basename(path),
    date: input.date,
    adapter: gpu.facts.name,
    softwareAdapter: gpu.facts.software,
    data: source.describe(),
    evaluatedOn: describeMoments(heldOut.split, evaluation),
    metres: describeMetres(trained.student, heldOut),
    student: config.student,
    parameters: trained.store.layout.slots.reduce((sum, { shape }) => sum + size(shape), 0),
    size: `${config.size.height}x${config.size.width}`,
    seed: config.seed,
    steps: trained.steps,
    stepsPlanned: config.steps,
    time_s: records.reduce((sum, { time_ms }) => sum + time_ms, 0) / 1000,
  };
}

/** The loss, and its terms if there are several. */
function lossCurves(records: readonly StepRecord[]): Curve[] {
  const terms = Object.keys(records[0]?.terms ?? {});
  const total = curve("loss", records, ({ loss }) => loss);
  if (terms.length < 2) return [total];
  return [total, ...terms.map((term) => curve(term, records, (record) => record.terms[term]))];
}

/** AbsRel of the validations on held-out moments; none without them. */
function validationCurves(records: readonly StepRecord[]): Curve[] {
  const validated = records.filter(({ validation }) => validation !== undefined);
  if (validated.length === 0) return [];
  return [curve("held-out AbsRel", validated, ({ validation }) => validation!.abs_rel)];
}

function curve(
  label: string,
  records: readonly StepRecord[],
  value: (record: StepRecord) => number,
): Curve {
  return { label, steps: records.map(({ step }) => step), values: records.map(value) };
}

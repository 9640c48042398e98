// The contents of a report: plain data that the training loop fills in. html.ts formats it.
import type { RigConsistency } from "../evaluate/consistency.ts";
import type { EvaluationResult } from "../evaluate/protocol.ts";
import type { Picture } from "./picture.ts";

/** Everything in one `report.html`; absent parts are not shown. */
export interface ReportData {
  readonly run: ReportRun;
  /** The loss and its terms by step. */
  readonly loss: readonly Curve[];
  readonly learningRate?: Curve;
  /** AbsRel by step, of all cameras or one curve each. */
  readonly absRel?: readonly Curve[];
  /** The student's metrics at the end. */
  readonly evaluation?: EvaluationResult;
  /** The metrics of the best constant depth per camera on the same moments. */
  readonly baseline?: EvaluationResult;
  readonly consistency?: RigConsistency;
  /** The rows of an earlier ablation at this budget. */
  readonly ablation?: EarlierAblation;
  readonly pictures?: readonly ReportPicture[];
  /** Time by kernel of one training step; empty if the adapter does not report GPU times. */
  readonly kernels?: readonly KernelTime[];
  /** The configuration as resolved, as YAML. */
  readonly configuration: string;
}

/** The run, its folder and its date. */
export interface ReportRun {
  readonly name: string;
  /** When the run ended or was last written, as text. */
  readonly date: string;
  readonly adapter: string;
  /** Whether the adapter is a software one, whose times say nothing about a GPU. */
  readonly softwareAdapter: boolean;
  /** The data set in a line, as its source describes it. */
  readonly data: string;
  /** The evaluated moments, such as `12 held-out moments`. */
  readonly evaluatedOn?: string;
  /** How metres were determined, in a line. */
  readonly metres?: string;
  readonly student: string;
  /** Number of trained parameters. */
  readonly parameters: number;
  /** Image size, `96x160` (height x width). */
  readonly size: string;
  readonly seed: number;
  readonly steps: number;
  /** Planned steps of the run; more than `steps` if it is still running. */
  readonly stepsPlanned: number;
  readonly time_s: number;
}

/** The rows of an ablation that was run earlier, and how to run it again. */
export interface EarlierAblation {
  readonly command: string;
  readonly date: string;
  readonly adapter: string;
  readonly seeds: number;
  /** Evaluated moments per seed. */
  readonly moments: number;
  readonly rows: readonly EarlierRow[];
}

/** A row: means over seeds. */
export interface EarlierRow {
  readonly name: string;
  readonly abs_rel: number;
  /** Standard deviation over seeds. */
  readonly deviation: number;
  readonly rmse: number;
  /** Relative disagreement of neighbours. */
  readonly disagreement: number;
  /**
   * How much better AbsRel is than that of supervision alone, in percent, and its 95 % interval;
   * absent for supervision itself.
   */
  readonly gain?: readonly [percent: number, low: number, high: number];
}

/** One quantity by step; the two arrays are paired, a value that is not finite leaves a gap. */
export interface Curve {
  readonly label: string;
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** One picture with its caption, which is also its alternative text. */
export interface ReportPicture {
  readonly caption: string;
  readonly picture: Picture;
}

/** The time of one kernel in one step. */
export interface KernelTime {
  readonly kernel: string;
  readonly dispatches: number;
  readonly time_ms: number;
  /** Operations and minimum bytes of all its dispatches, for the rates. */
  readonly flops?: number;
  readonly bytes?: number;
}

// The bin head of a configuration.
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import { HEAD_WIDTHS, type StudentName } from "../student/student.ts";
import type { TrainConfig } from "./config/train_config.ts";

/** The head that a configuration describes, for depths up to `depth_max_m`. */
export function headOf(config: TrainConfig, depth_max_m: number): BinHeadConfig {
  const { kind, bins, centers, spacing } = config.head;
  const { shared, shared_head } = config.teacher;
  const widths = HEAD_WIDTHS[sharedHeadOf(config) ?? config.student];
  const frozen = shared && shared_head === "frozen";
  return { kind, bins, seed: centers, spacing, depth_max_m, frozen, ...widths };
}

/** The network whose head the student shares; null where it has its own. */
export function sharedHeadOf({ student, teacher }: TrainConfig): StudentName | null {
  return teacher.shared ? (teacher.shared_network ?? student) : null;
}

// The configuration of a run: every choice by name, complete once resolved. Files are YAML, and the
// command line overrides them. A misspelt key is an error.
import { stringify } from "yaml";
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import { parseYaml } from "../formats/yaml.ts";
import { RESNETS } from "../student/encoder.ts";
import { HEAD_WIDTHS, type StudentName } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import { checkTogether } from "./config_rules.ts";
import { configSchema, type TrainConfig } from "./config_schema.ts";

export type { TrainConfig };

// nano: measured (bench/README.md); the others: between the 1e-4 of their lineage with pretrained weights
// and nano's.
const LEARNING_RATES: Readonly<Record<StudentName, number>> = {
  nano: 3e-3,
  resnet18: 3e-4,
  resnet34: 3e-4,
};

/** Fills in defaults; throws InputError naming `where`, the key and its allowed values. */
export function resolveConfig(given: unknown, where: string): TrainConfig {
  const result = configSchema.safeParse(given);
  if (result.success) {
    const { optimizer, ...rest } = result.data;
    checkTogether(rest, where);
    requireFirstWeights(rest, where);
    requireValidation(rest, where);
    const learning_rate = optimizer.learning_rate ?? LEARNING_RATES[rest.student];
    return { ...rest, optimizer: { ...optimizer, learning_rate } };
  }
  const issue = result.error.issues[0];
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = [...(path === "" ? [] : [path]), issue.keys[0]].join(".");
    const known = knownKeys(issue.path).join(", ");
    throw new InputError(`${where}: unknown key "${key}"; known keys: ${known}`);
  }
  throw new InputError(`${where}: ${path === "" ? "" : `${path}: `}${issue.message}`);
}

/** Throws InputError for pretrained weights that no encoder of the run has, or that nothing would use. */
function requireFirstWeights(
  {
    student,
    student_weights,
    student_from,
  }: Pick<TrainConfig, "student" | "student_weights" | "student_from">,
  where: string,
): void {
  if (student_weights === null) return;
  if (student_from !== null) {
    throw new InputError(
      `${where}: student_weights and student_from both give the first numbers; set one of them`,
    );
  }
  if (student in RESNETS) return;
  throw new InputError(
    `${where}: student_weights: ${student} has no pretrained encoder; set student to ` +
      Object.keys(RESNETS).join(" or "),
  );
}

/** Throws InputError for an early stop that would never come. */
function requireValidation(
  { early_stop, validate_every, steps }: RestOfConfig,
  where: string,
): void {
  if (early_stop !== null && validate_every === null) {
    throw new InputError(
      `${where}: early_stop: needs validate_every, the steps between validations`,
    );
  }
  if (validate_every === null || validate_every <= steps) return;
  throw new InputError(
    `${where}: validate_every: ${validate_every} must be at most steps, ${steps}`,
  );
}

type RestOfConfig = Pick<TrainConfig, "early_stop" | "validate_every" | "steps">;

/** Names of the keys at a place in the configuration. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = configSchema.parse({});
  for (const key of path) at = (at as Record<PropertyKey, unknown>)[key];
  return Object.keys(at as object);
}

const GROUPS = new Set(["rig", "lidar", "head", "teacher", "loss", "optimizer"]);

/**
 * Reads a configuration as YAML; throws InputError naming file and line, also for a text that is
 * too long, too wide or too deep, and for control characters.
 */
export function parseConfigFile(
  source: string | Uint8Array,
  file: string,
): Record<string, unknown> {
  const parsed = parseYaml(source, file) ?? {};
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new InputError(`${file}: expected keys and values, such as "steps: 600"`);
  }
  // A group whose keys are all comments has no value; it holds its defaults then.
  const isEmptyGroup = ([key, value]: [string, unknown]): boolean =>
    value === null && GROUPS.has(key);
  return Object.fromEntries(Object.entries(parsed).filter((entry) => !isEmptyGroup(entry)));
}

/** The configuration as YAML without explanations, as checkpoints and students carry it. */
export function formatConfig(config: TrainConfig): string {
  return stringify(config);
}

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

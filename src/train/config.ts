// The configuration of a run: every choice by name, complete once resolved. A misspelt key is an
// error. `config/text.ts` reads and writes it as YAML.
import { RESNETS } from "../student/encoder.ts";
import type { StudentName } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import { nearestName } from "../tensor/nearest_name.ts";
import { checkTogether } from "./config/rules.ts";
import { configSchema } from "./config/schema.ts";
import type { TrainConfig } from "./config/train_config.ts";

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
    const known = knownKeys(issue.path);
    const near = nearestName(issue.keys[0], known);
    throw new InputError(
      `${where}: unknown key "${key}"; known keys: ${known.join(", ")}` +
        (near === null ? "" : `; did you mean ${near}?`),
    );
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

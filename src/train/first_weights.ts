// The numbers that a new run begins with where its configuration names files of them.
import type { CpuStore } from "../graph/cpu_store.ts";
import { RESNETS, type Resnet } from "../student/encoder.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import { loadPretrained } from "./pretrained_file.ts";
import { readStudent } from "./student_file.ts";
import type { StudentOrigin } from "./student_origin.ts";

/**
 * Puts the pretrained encoder of a configuration, or the student that it names, into the store of a new
 * run; `onMessage` receives a line about tensors of the file that are not used. Returns the scale of the
 * student's metres, null without one. Throws InputError naming file and tensors, or the keys in which
 * the student is another network.
 */
export async function loadFirstWeights(
  config: TrainConfig,
  values: CpuStore,
  onMessage: (message: string) => void = () => {},
): Promise<StudentOrigin["scale"] | null> {
  const { student, student_weights, student_from } = config;
  if (student_from !== null) {
    const file = await readStudent(student_from, onMessage);
    requireSameNetwork(file.config, config, student_from);
    file.load(values);
    return file.origin.scale;
  }
  const resnets: Readonly<Record<string, Resnet>> = RESNETS;
  if (student_weights === null || !Object.hasOwn(resnets, student)) return null;
  const unused = await loadPretrained(student_weights, resnets[student], values);
  if (unused.length === 0) return null;
  onMessage(
    `${student_weights}: ${unused.length} tensors beside the encoder are not used: ` +
      `${unused.slice(0, 4).join(", ")}${unused.length > 4 ? ", ..." : ""}`,
  );
  return null;
}

/** The keys that say which network a student is. */
export const NETWORK_KEYS = ["student", "student_attention", "head"] as const;

/** Throws InputError naming the first key in which a student is another network than the run's. */
function requireSameNetwork(own: TrainConfig, wanted: TrainConfig, path: string): void {
  for (const key of NETWORK_KEYS) {
    const [had, has] = [own[key], wanted[key]].map((value) => JSON.stringify(value));
    if (had === has) continue;
    throw new InputError(
      `${path}: ${key} of this student is ${had}, but this run sets ${has}; leave ${key} out to ` +
        `fine-tune the student as it is`,
    );
  }
}

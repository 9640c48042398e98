// Predicts the depth of a moment: one of the built-in rig, or six images with their rig.json. The
// code that reads dropped files is loaded with the first of them.
import type { Rig } from "../../data/rig_file.ts";
import type { RigSample } from "../../data/rig_sample.ts";
import { openSealed } from "../../formats/sealed_file.ts";
import type { Gpu } from "../../gpu/device.ts";
import { createPredictor, loadPredictor, type Predictor } from "../../train/predictor.ts";
import type { StudentFile, TrainedStudent } from "../../train/trained/student_bytes.ts";
import { loadNetwork } from "../../train/trained/tensors.ts";
import type { PredictChoice, StudentChoice, Views } from "../messages.ts";
import { rigSource } from "../rig_source.ts";
import type { CurrentTraining } from "./trainer.ts";
import { byStep, viewsOf } from "./views.ts";

/** The depth of a moment by a student. Throws InputError naming the file that is missing or broken. */
export async function predictedViews(
  gpu: Gpu,
  moment: PredictChoice,
  student: StudentChoice,
  current: CurrentTraining | null,
): Promise<Views> {
  if (moment.kind === "builtin") {
    const { predictor, by, cap_m } = await openStudent(gpu, student, current, null);
    try {
      const sample = await builtinSample(predictor, moment.index);
      const depth_m = await predictor.predict(sample);
      return viewsOf(sample, depth_m, cap_m, "the built-in moment", by);
    } finally {
      predictor.destroy();
    }
  }
  const { droppedRig, droppedSample } = await import("./dropped_images.ts");
  const rig = droppedRig(moment.rig);
  const { predictor, by, cap_m } = await openStudent(gpu, student, current, rig);
  try {
    const sample = await droppedSample(rig, moment.images, predictor.size);
    return viewsOf(sample, await predictor.predict(sample), cap_m, "your images", by);
  } finally {
    predictor.destroy();
  }
}

interface OpenStudent {
  readonly predictor: Predictor;
  readonly by: string;
  readonly cap_m: number;
}

async function openStudent(
  gpu: Gpu,
  student: StudentChoice,
  current: CurrentTraining | null,
  rig: Rig | null,
): Promise<OpenStudent> {
  if (student.kind === "trained") {
    if (current === null || current.gpu !== gpu) throw new Error("train a student first");
    const { training } = current;
    const trained = training.student();
    const source = rig ?? rigSource(trained.config, "held-out");
    const { store } = training.session;
    const predictor = await createPredictor(gpu, trained, source, store);
    return { predictor, by: byStep(trained.steps), cap_m: trained.depth_max_m };
  }
  const file = student.kind === "file" ? await droppedStudent(student) : await sampleStudent();
  const source = rig ?? rigSource(file.config, "held-out");
  const predictor = await loadPredictor(gpu, file, source);
  const by = student.kind === "file" ? student.name : `the sample student, ${file.steps} steps`;
  return { predictor, by, cap_m: file.depth_max_m };
}

async function droppedStudent({
  name,
  bytes,
}: Extract<StudentChoice, { kind: "file" }>): Promise<StudentFile> {
  const { parseStudent } = await import("../../train/trained/student_bytes.ts");
  return parseStudent(bytes, name, () => {});
}

/** The student that comes with the page. The build read the text of its configuration. */
async function sampleStudent(): Promise<StudentFile> {
  const name = "student.safetensors";
  const [bytes, about] = await Promise.all([
    fetched(name).then(async (response) => new Uint8Array(await response.arrayBuffer())),
    fetched("student.json").then(async (response) => (await response.json()) as TrainedStudent),
  ]);
  const { tensors } = openSealed(bytes, name);
  return { ...about, load: (store) => loadNetwork(tensors, name, store) };
}

async function fetched(name: string): Promise<Response> {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: the page cannot load it (${response.status})`);
  return response;
}

async function builtinSample({ student, size }: Predictor, index: number): Promise<RigSample> {
  const source = rigSource(student.config, "held-out");
  return await source.sample(index % source.count, size);
}

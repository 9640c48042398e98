// `ringdepth export`: a trained student as an ONNX model, or as a student.safetensors of its own.
import type { Command } from "commander";
import type { ImageSize } from "../../data/camera.ts";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { InputError } from "../../tensor/error.ts";
import { predictionNetwork } from "../../train/network.ts";
import { checkModel, EXPORT_TOLERANCE, type ModelCheck } from "../../train/onnx/check_model.ts";
import { findOnnxRuntime } from "../../train/onnx/runtime.ts";
import {
  leastViews,
  studentModel,
  type ModelViews,
  type StudentModel,
} from "../../train/onnx/student_model.ts";
import { readStudent, writeStudent } from "../../train/student_file.ts";
import type { StudentFile } from "../../train/trained/student_bytes.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { common, imageSize, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";

interface ExportOptions extends CommonOptions {
  readonly out: string;
  readonly views?: ModelViews;
  readonly size?: ImageSize;
}

/** Cameras where a student of an earlier version does not name its own. */
const DEFAULT_VIEWS = 6;

const ABOUT = `
FILE.onnx (opset 17) takes any number of cameras V, three or more for a student with attention of
neighbours, and images of one size HxW: factors and position codes of the network are computed for it,
so export a model per size. Inputs: images [V,3,H,W], RGB from 0 to 1, cameras in ring order (front, then
counter-clockwise); focal_px [V], focal length fx in pixels of these images. Output: depth_m [V,1,H,W] in
metres. Its depth is compared with that of the adapter, for two numbers of cameras, where
onnxruntime-node is installed, in the working directory or beside ringdepth.
FILE.safetensors is a student without optimiser state, such as one from a checkpoint of a run.`;

/** Defines the command. */
export const defineExport: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("export")
    .argument("<student>", "student.safetensors, a run folder that has one, or a checkpoint")
    .requiredOption("--out <file>", "FILE.onnx or FILE.safetensors")
    .option(
      "--views <n>",
      "cameras of the model, or any (default: any, where its network allows it)",
      modelViews,
    )
    .option("--size <HxW>", "image size of the model (default: its training size)", imageSize)
    .addHelpText("after", ABOUT);
  common(command, "ringdepth export runs/ddad --out student.onnx");
  command.action(async (path: string, options: ExportOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { out, adapter } = options;
    const isModel = out.endsWith(".onnx");
    if (!isModel && !out.endsWith(".safetensors")) {
      throw new InputError(`--out ${out}: expected a name that ends in .onnx or .safetensors`);
    }
    checkOutputs([{ option: "--out", path: out }], [{ option: "the student", path }]);
    const file = await readStudent(path, output.warn);
    if (!isModel) {
      await copyStudent(file, out, options);
      output.result({ out, student: file.config.student }, [`student: ${out}`]);
      return;
    }
    const own = file.origin.cameras?.length ?? DEFAULT_VIEWS;
    const least = leastViews(file);
    const views = options.views ?? (own < least ? own : "any");
    const size = options.size ?? file.config.size;
    const model = studentModel(file, views, size);
    const found = await findOnnxRuntime();
    const check =
      "missing" in found
        ? null
        : await withGpu(surroundings, output, adapter, async (gpu) =>
            checkModel(gpu, found.runtime, file, model, {
              views: checkedViews(views, own, least),
              size,
            }),
          );
    const isWrong = check !== null && !(check.worst <= EXPORT_TOLERANCE);
    if (!isWrong) await writeFileAtomically(out, model.bytes);
    const reason = "missing" in found ? found.missing : null;
    output.result(
      { ...description(out, file, model), checked: check, not_checked: reason },
      isWrong
        ? [...checkLines(check, reason), `${out}: not written, because its depth is wrong`]
        : [...modelLines(out, file, model), ...checkLines(check, reason)],
    );
    if (isWrong) exit(EXIT.wrong);
  });
};

function modelViews(text: string): ModelViews {
  return text === "any" ? text : wholeNumber("--views", 1)(text);
}

/** The numbers of cameras that a model is checked for. */
function checkedViews(views: ModelViews, own: number, least: number): readonly number[] {
  if (views !== "any") return [views];
  const first = Math.max(own, least);
  return [first, first === least ? least + 1 : least];
}

/** Writes the student alone; throws InputError for options that a student has no use for. */
async function copyStudent(
  file: StudentFile,
  out: string,
  { views, size }: ExportOptions,
): Promise<void> {
  if (views !== undefined || size !== undefined) {
    throw new InputError(
      `--out ${out}: a student has no fixed views and size; leave --views and --size out`,
    );
  }
  const { config, depth_max_m } = file;
  const { g } = predictionNetwork(config, { views: 1, size: config.size, depth_max_m });
  const store = initialStore(g, 0);
  file.load(store);
  await writeStudent(out, store, file);
}

function description(out: string, { config }: StudentFile, model: StudentModel): object {
  const { inputs, outputs, opset, bytes, nodes } = model;
  return { out, student: config.student, opset, inputs, outputs, nodes, bytes: bytes.length };
}

function modelLines(out: string, { config }: StudentFile, model: StudentModel): string[] {
  const { inputs, outputs, opset, bytes, nodes } = model;
  const port = (kind: string, { name, shape, about }: StudentModel["inputs"][number]): string =>
    `${kind} ${name} [${shape.join(", ")}]: ${about}`;
  return [
    `${out}: ${config.student}, opset ${opset}, ${nodes} nodes, ${(bytes.length / 1e6).toFixed(1)} MB`,
    ...inputs.map((one) => port("input ", one)),
    ...outputs.map((one) => port("output", one)),
  ];
}

function checkLines(check: ModelCheck | null, reason: string | null): string[] {
  if (check === null) return [`not checked: ${reason}`];
  const { runtime, worst, own_m, model_m, depths, views } = check;
  return [
    `checked: ${runtime} and this program differ by at most ${worst.toExponential(1)} of the depth ` +
      `(${model_m.toFixed(5)} m and ${own_m.toFixed(5)} m) over ${depths} depths ` +
      `of ${views.join(" and ")} cameras; the limit is ${EXPORT_TOLERANCE}`,
  ];
}

// The code paths of `bench host`: the processor's work in each step while the GPU computes, and the
// files of a student.
import { join } from "node:path";
import sharp from "sharp";
import { drawJitter } from "../../data/augmentation.ts";
import { makeBatch } from "../../data/batch.ts";
import { builtinRig } from "../../data/builtin_rig.ts";
import { decodeImage } from "../../data/image_file.ts";
import { sampleShape, type RigSample } from "../../data/rig_sample.ts";
import { readBytes } from "../../formats/atomic_file.ts";
import { readSafetensors, writeSafetensors } from "../../formats/safetensors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { encodePass } from "../../gpu/encode.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile } from "../../graph/plan.ts";
import { createStore } from "../../graph/store.ts";
import type { HostTask } from "./host_bench.ts";
import { builtinTeacher } from "../../teacher/builtin_teacher.ts";
import { namedTensors } from "../../train/trained/tensors.ts";
import type { TrainConfig } from "../../train/config.ts";
import { outputSize, trainingNetwork } from "../../train/network.ts";
import { openRunTeacher } from "../../train/source.ts";

/** Tasks with the resources they hold. */
export interface HostTasks {
  readonly tasks: readonly HostTask[];
  readonly destroy: () => void;
}

/** Prepares the tasks of a configuration on the built-in rig; image files go into `folder`. */
export async function hostTasks(gpu: Gpu, config: TrainConfig, folder: string): Promise<HostTasks> {
  const { seed, size, student } = config;
  const source = builtinRig({ split: "train", seed, moments: config.rig.train_moments });
  const sample = await source.sample(0, size);
  const teacher = builtinTeacher(seed);
  const taught = await openRunTeacher(config, {
    gpu: () => gpu,
    source,
    module: "untrained",
  });
  const { g, request } = trainingNetwork(config, {
    views: source.cameras.length,
    size,
    depth_max_m: source.protocol.cap_m,
    teacher: taught?.parts ?? null,
  });
  const initial = initialStore(g, seed);
  const tensors = namedTensors(initial);
  const file = writeSafetensors(tensors);
  const images = await writeImages(sample, source.cameras, folder);
  const store = createStore(gpu, g, initial);
  const plan = await compile(gpu, g, request, store);
  const dispatches = plan.dispatches.map(({ dispatch }) => dispatch);
  const views = `${source.cameras.length}x${size.height}x${size.width}`;
  const half = outputSize(size);
  const mebibytes = (file.byteLength / 2 ** 20).toFixed(1);
  const jitter = firstJitter(seed, sample.id);
  const tasks: HostTask[] = [
    { name: `batch of ${views} packed`, run: () => makeBatch(sample, source, null) },
    {
      name: `batch of ${views} packed, colours jittered`,
      run: () => makeBatch(sample, source, jitter),
    },
    {
      name: `${images.length} JPEG files decoded and resized to ${views}`,
      run: async () =>
        await Promise.all(
          images.map(async ({ file: path, native }) =>
            decodeImage(await readBytes(path), path, native, size),
          ),
        ),
    },
    {
      name: `moment of the built-in rig rendered, ${views}`,
      run: async () => await source.sample(1, size),
    },
    {
      name: `built-in teacher, ${source.cameras.length}x${half.height}x${half.width}`,
      run: async () => await teacher.maps(sample, half),
    },
    {
      name: `training step of ${student} encoded, ${dispatches.length} dispatches`,
      run: () => {
        const encoder = gpu.device.createCommandEncoder({ label: "bench" });
        encodePass(encoder, "bench", dispatches);
        return encoder.finish();
      },
    },
    {
      name: `safetensors of ${student} written, ${mebibytes} MiB`,
      run: () => writeSafetensors(tensors),
    },
    {
      name: `safetensors of ${student} read, ${mebibytes} MiB`,
      run: () => readSafetensors(file, "bench"),
    },
  ];
  return {
    tasks,
    destroy: () => {
      plan.destroy();
      store.destroy();
      taught?.close?.();
    },
  };
}

/** The first jitter of an epoch that changes anything: some samples keep their colours. */
function firstJitter(seed: number, id: string): ReturnType<typeof drawJitter> {
  for (let epoch = 0; ; epoch++) {
    const jitter = drawJitter(seed, epoch, id);
    if (jitter !== null) return jitter;
  }
}

/** The views of a sample as JPEG files of their cameras' own sizes. */
async function writeImages(
  sample: RigSample,
  natives: RigSample["cameras"],
  folder: string,
): Promise<{ readonly file: string; readonly native: RigSample["cameras"][number] }[]> {
  const [, height, width] = sampleShape(sample);
  const bytes = height * width * 3;
  return await Promise.all(
    natives.map(async (native, view) => {
      const file = join(folder, `${view}.jpg`);
      const raw = { width, height, channels: 3 } as const;
      await sharp(sample.images.subarray(view * bytes, (view + 1) * bytes), { raw })
        .resize(native.width, native.height, { fit: "fill" })
        .jpeg()
        .toFile(file);
      return { file, native };
    }),
  );
}

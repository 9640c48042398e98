// The parts that a folder of teacher maps may declare beside relative depth: metres, bins, centres,
// an embedding, a mask; each brought to the size of the student's output.
import type { InputScale } from "../data/batch.ts";
import type { Camera, ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { elementPlace, readMap, type ReadMap } from "./map_files.ts";
import { depthPlace } from "./metric_maps.ts";
import { areaAverage } from "./relative_depth.ts";
import type { TeacherMaps } from "./teacher.ts";

type Scale = Pick<InputScale, "protocol" | "focalReference_px">;

/** Metres, and the place of each in log depth between 1 m and the cap, before the focal scale. */
export async function metricMaps(
  directory: string,
  sample: RigSample,
  size: ImageSize,
  scale: Scale,
): Promise<TeacherMaps> {
  const plane = size.height * size.width;
  const depth_m = new Float32Array(sample.cameras.length * plane);
  const index = new Float32Array(depth_m.length);
  for (const [view, camera] of sample.cameras.entries()) {
    const map = await readMap(directory, placeOf(sample, camera, "", 1));
    refuse(map, (v) => v < 0, "expected metres, 0 for none");
    // A mean over pixels with a depth alone; 0 where none has one.
    const has = Uint8Array.from(map.values, (value) => (value > 0 ? 1 : 0));
    const own = areaAverage(map.values, map, size, has);
    depth_m.set(own, view * plane);
    const places = own.map((depth) => depthPlace(depth, camera, scale));
    index.set(places, view * plane);
  }
  return { index, depth_m };
}

/**
 * pi and t: as given, or those of the log-binomial with mean and variance of softmax(logits). At a
 * size above the student's, pi and t are means, and the moments of logits those of all pixels.
 */
export async function binMaps(
  directory: string,
  sample: RigSample,
  size: ImageSize,
  { kind, bins }: { readonly kind: "binomial" | "logits"; readonly bins: number },
): Promise<TeacherMaps> {
  const plane = size.height * size.width;
  const pi = new Float32Array(sample.cameras.length * plane);
  const t = new Float32Array(pi.length);
  for (const [view, camera] of sample.cameras.entries()) {
    const map = await readMap(
      directory,
      placeOf(sample, camera, "", kind === "binomial" ? 2 : bins),
    );
    if (kind === "binomial") {
      const { channels } = map;
      refuse(map, (v, i) => i % channels === 0 && (v < 0 || v > 1), "expected pi from 0 to 1");
      refuse(map, (v, i) => i % channels === 1 && v <= 0, "expected t above 0");
      pi.set(reduced(map, size, 0), view * plane);
      t.set(reduced(map, size, 1), view * plane);
    } else {
      const moments = momentsOf(map);
      const [mean, square] = [reduced(moments, size, 0), reduced(moments, size, 1)];
      mean.forEach((place, i) => {
        // Inside (0, 1), where a binomial has a variance.
        const inner = clamp(place, 1e-4, 1 - 1e-4);
        const variance = Math.max(0, square[i] - place * place);
        pi[view * plane + i] = inner;
        // A log-binomial of temperature t has t times the variance of the plain one, nearly.
        const plain = (inner * (1 - inner)) / (bins - 1);
        t[view * plane + i] = clamp(variance / plain, 0.0212, 50);
      });
    }
  }
  return { pi, t };
}

/** Centres (in metres in their files), embedding and mask, as far as they are declared. */
export async function partMaps(
  directory: string,
  sample: RigSample,
  size: ImageSize,
  about: {
    readonly centers: boolean;
    readonly embedding: number;
    readonly mask: boolean;
    readonly bins: number;
    readonly scale: Scale;
  },
): Promise<TeacherMaps> {
  const { centers, embedding, mask, bins, scale } = about;
  const all = async (
    suffix: string,
    channels: number,
    convert: (map: ReadMap, camera: Camera) => Float32Array,
  ): Promise<Float32Array> => {
    const length = size.height * size.width * channels;
    const result = new Float32Array(sample.cameras.length * length);
    for (const [view, camera] of sample.cameras.entries()) {
      const map = await readMap(directory, placeOf(sample, camera, suffix, channels));
      result.set(convert(map, camera), view * length);
    }
    return result;
  };
  const maps: TeacherMaps = {};
  if (centers) {
    maps.centers = await all(".centers", bins, (map, camera) => {
      refuse(map, (v) => v <= 0, "expected metres above 0");
      const falls = (v: number, i: number): boolean => i % bins > 0 && v < map.values[i - 1];
      refuse(map, falls, "centres must ascend");
      const unit_m = metresOfUnit(camera, scale);
      return allReduced(map, size).map((metres) => metres / unit_m);
    });
  }
  if (embedding > 0)
    maps.embedding = await all(".embedding", embedding, (map) => allReduced(map, size));
  if (mask) {
    maps.mask = await all(".mask", 1, (map) => {
      refuse(map, (v) => v < 0, "expected 0 where the teacher does not count, else above 0");
      const flags = { ...map, values: map.values.map((value) => (value > 0 ? 1 : 0)) };
      return reduced(flags, size, 0).map((share) => (share > 0.5 ? 1 : 0));
    });
  }
  return maps;
}

function placeOf(
  sample: RigSample,
  camera: Camera,
  suffix: string,
  channels: number,
): Parameters<typeof readMap>[1] {
  return { sample: sample.id, camera: camera.name, suffix, channels };
}

/** Metres of a centre of 1 in a view: the cap times its focal scale. */
function metresOfUnit({ fx, width }: Camera, { protocol, focalReference_px }: Scale): number {
  return protocol.cap_m * (fx / width / (focalReference_px / 640));
}

function refuse(
  map: ReadMap,
  isBad: (value: number, i: number) => boolean,
  expected: string,
): void {
  const bad = map.values.findIndex(isBad);
  if (bad < 0) return;
  throw new InputError(`${elementPlace(map, bad)} is ${map.values[bad]}; ${expected}`);
}

/** Mean and mean square of the place k / (K - 1) under softmax(logits). [h, w, K] -> [h, w, 2]. */
function momentsOf(map: ReadMap): ReadMap {
  const { channels: bins, values } = map;
  const moments = new Float32Array((values.length / bins) * 2);
  for (let pixel = 0; pixel < moments.length / 2; pixel++) {
    const own = values.subarray(pixel * bins, (pixel + 1) * bins);
    const most = own.reduce((a, b) => Math.max(a, b), -Infinity);
    let [sum, mean, square] = [0, 0, 0];
    own.forEach((logit, k) => {
      const weight = Math.exp(logit - most);
      const place = k / (bins - 1);
      sum += weight;
      mean += weight * place;
      square += weight * place * place;
    });
    moments[2 * pixel] = mean / sum;
    moments[2 * pixel + 1] = square / sum;
  }
  return { ...map, channels: 2, values: moments };
}

/** One channel of a map at another size, as a mean. map [h, w, C] -> [size]. */
function reduced(map: ReadMap, size: ImageSize, channel: number): Float32Array {
  const { channels, values, height, width } = map;
  const plane = Float32Array.from(
    { length: height * width },
    (_, pixel) => values[pixel * channels + channel],
  );
  return areaAverage(plane, map, size);
}

/** All channels of a map at another size. map [h, w, C] -> [size, C]. */
function allReduced(map: ReadMap, size: ImageSize): Float32Array {
  const { channels } = map;
  const result = new Float32Array(size.height * size.width * channels);
  for (let channel = 0; channel < channels; channel++) {
    reduced(map, size, channel).forEach((value, pixel) => {
      result[pixel * channels + channel] = value;
    });
  }
  return result;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

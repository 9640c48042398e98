// The surround panorama: the order a viewer expects, what each row shows, where it stands.
import { describe, expect, it } from "vitest";
import { resizeIntrinsics, type Camera } from "../../src/data/camera.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import type { Quaternion } from "../../src/data/pose.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { NO_DEPTH, depthColors, depthScale } from "../../src/report/depth_colors.ts";
import { panorama, panoramaOrder, panoramaYaw_deg } from "../../src/report/panorama.ts";
import { dotPicture, errorColors, relativePicture } from "../../src/report/panorama_cells.ts";
import type { Picture } from "../../src/report/picture.ts";

const SCALE = depthScale(80);

// Rotations of DDAD's rig, whose rear camera looks to -179 degrees where nuScenes' looks to 180.
const DDAD: Readonly<Record<string, Quaternion>> = {
  CAMERA_01: [0.5127348, -0.5204131, 0.4835591, -0.4821242],
  CAMERA_05: [0.6607769, -0.6751131, 0.2300346, -0.2338379],
  CAMERA_07: [0.6700935, -0.6832163, -0.2037726, 0.2065597],
  CAMERA_09: [0.4977374, -0.49367, -0.4955074, 0.5128546],
  CAMERA_08: [0.2112688, -0.208637, -0.6756493, 0.6747845],
  CAMERA_06: [0.2256789, -0.2219585, 0.6685662, -0.672921],
};

function named(cameras: readonly Camera[]): string[] {
  return panoramaOrder(cameras).map((view) => cameras[view].name);
}

/** A grey moment of 8x12 pixels; every camera is 10 m from everything. */
function grey(cameras: readonly Camera[]): RigSample {
  const count = cameras.length * 96;
  const pixels = Uint32Array.from({ length: 96 }, (_, i) => i);
  return {
    id: "grey",
    timestamp: "0",
    cameras: cameras.map((camera) => resizeIntrinsics(camera, { height: 8, width: 12 })),
    images: new Uint8Array(3 * count).fill(120),
    sparse_depth_m: new Float32Array(count).fill(10),
    usable: new Uint8Array(count).fill(1),
    groundTruth: cameras.map(() => ({
      height: 8,
      width: 12,
      pixels,
      depth_m: new Float32Array(96).fill(10),
    })),
  };
}

function maps(
  views: number,
  value: number,
): { height: number; width: number; values: Float32Array } {
  return { height: 4, width: 6, values: new Float32Array(views * 24).fill(value) };
}

function pixel({ width, rgb }: Picture, row: number, column: number): number[] {
  return [...rgb.subarray(3 * (row * width + column), 3 * (row * width + column) + 3)];
}

describe("panorama order", () => {
  it("goes from back left over front to back, for both real rigs, whatever the order given", () => {
    expect(named(NUSCENES_CAMERAS.toReversed())).toEqual([
      "CAM_BACK_LEFT",
      "CAM_FRONT_LEFT",
      "CAM_FRONT",
      "CAM_FRONT_RIGHT",
      "CAM_BACK_RIGHT",
      "CAM_BACK",
    ]);
    const ddad = Object.entries(DDAD).map(([name, rotation]) => ({
      ...NUSCENES_CAMERAS[0],
      name,
      rotation,
    }));
    expect(named(ddad)).toEqual([
      "CAMERA_07",
      "CAMERA_05",
      "CAMERA_01",
      "CAMERA_06",
      "CAMERA_08",
      "CAMERA_09",
    ]);
  });

  it("measures yaw to the left, with the rear at -180", () => {
    const yaws = NUSCENES_CAMERAS.map((camera) => panoramaYaw_deg(camera));
    expect(yaws.map(Math.round)).toEqual([0, 55, 109, -180, -111, -56]);
  });
});

describe("panorama cells", () => {
  it("colours signed relative error: pale where right, ends at half", () => {
    const got = errorColors(Float64Array.of(10, 15, 99, 5), Float32Array.of(10, 10, 10, 10));
    expect(Math.min(...got.subarray(0, 3))).toBeGreaterThan(180);
    expect([...got.subarray(3, 6)]).toEqual([...got.subarray(6, 9)]);
    expect(got[3]).toBeGreaterThan(got[5]); // too far: red above blue
    expect(got[11]).toBeGreaterThan(got[9]); // too near: blue above red
  });

  it("spans a relative map by its own percentiles: a factor and a shift change nothing", () => {
    const ramp = (f: (x: number) => number): Picture => {
      const depth_m = Float64Array.from({ length: 400 }, (_, i) => f(i / 400));
      return relativePicture({ height: 20, width: 20, depth_m }, { height: 20, width: 20 });
    };
    const plain = ramp((x) => x);
    // Exact binary factors, so that no rounding moves a colour.
    expect(ramp((x) => 4 * x).rgb).toEqual(plain.rgb);
    expect(plain.rgb[0]).toBeGreaterThan(plain.rgb[2]);
    expect(plain.rgb.at(-3)).toBeLessThan(plain.rgb.at(-1)!);
  });

  it("covers the picture with dense truth of a smaller size, without holes", () => {
    const truth = grey(NUSCENES_CAMERAS).groundTruth[0];
    const colors = depthColors(truth.depth_m, SCALE);
    const { rgb } = dotPicture(truth, colors, { height: 21, width: 31 });
    for (let i = 0; i < rgb.length; i += 3) {
      expect([...rgb.subarray(i, i + 3)]).toEqual([...colors.subarray(0, 3)]);
    }
  });

  it("draws sparse truth as dots of up to four pixels, the nearer one on top", () => {
    const truth = {
      height: 20,
      width: 20,
      pixels: Uint32Array.of(0, 1),
      depth_m: Float32Array.of(5, 50),
    };
    const picture = dotPicture(truth, Uint8Array.of(255, 0, 0, 0, 0, 255), {
      height: 20,
      width: 20,
    });
    expect(pixel(picture, 3, 3)).toEqual([255, 0, 0]);
    expect(pixel(picture, 3, 4)).toEqual([0, 0, 255]);
    expect(pixel(picture, 4, 0)).toEqual([...NO_DEPTH]);
    expect(pixel(picture, 0, 5)).toEqual([...NO_DEPTH]);
  });
});

describe("panorama", () => {
  it("has a row each for image, teacher, student, truth and error, a column a camera", async () => {
    const sample = grey(NUSCENES_CAMERAS);
    const student_m = maps(6, 15);
    // One camera at another depth shows that columns follow the order of yaw: CAM_BACK is last.
    student_m.values.fill(40, 3 * 24, 4 * 24);
    const all = await panorama(sample, { student_m, teacher: maps(6, 0.5) }, SCALE);
    const without = await panorama(sample, { student_m }, SCALE);
    const [cell, head] = [213 + 4, 42];
    expect(all.width).toBe(36 + 6 * 324);
    expect(all.height - without.height).toBe(cell);
    const at = (row: number, column: number): number[] =>
      pixel(all, head + row * cell + 100, 36 + column * 324 + 160);
    expect(at(0, 0)).toEqual([120, 120, 120]);
    expect(at(2, 0)).toEqual([...depthColors([15], SCALE)]);
    expect(at(2, 5)).toEqual([...depthColors([40], SCALE)]);
    expect(at(3, 2)).toEqual([...depthColors([10], SCALE)]);
    expect(at(4, 2)).toEqual([...errorColors(Float64Array.of(15), Float32Array.of(10))]);
  });

  it("writes the names of the cameras above their columns", async () => {
    const picture = await panorama(grey(NUSCENES_CAMERAS), { student_m: maps(6, 15) }, SCALE);
    for (let column = 0; column < 6; column++) {
      let bright = 0;
      for (let row = 12; row < 34; row++) {
        for (let x = 0; x < 200; x++) {
          if (pixel(picture, row, 36 + column * 324 + x)[0] > 200) bright++;
        }
      }
      expect(bright).toBeGreaterThan(100);
    }
  });

  it("leaves truth and error out where there is none, and fits any number of cameras", async () => {
    const cameras = NUSCENES_CAMERAS.slice(0, 1);
    const sample = { ...grey(cameras), groundTruth: [] };
    const picture = await panorama(sample, { student_m: maps(1, 15) }, SCALE);
    expect(picture.width).toBe(36 + 644);
    expect(picture.rgb).toHaveLength(3 * picture.width * picture.height);
    const both = await panorama(grey(cameras), { student_m: maps(1, 15) }, SCALE);
    // Two more rows, and the second scale bar below the first.
    expect(both.height - picture.height).toBe(2 * (427 + 4) + 60);
  });

  it("refuses maps that do not fit", async () => {
    await expect(
      panorama(grey(NUSCENES_CAMERAS), { student_m: maps(5, 1) }, SCALE),
    ).rejects.toThrow(/student_m has 120 elements; expected \[6, 4, 6\]/);
  });
});

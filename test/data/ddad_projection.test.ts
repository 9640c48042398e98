// The projected depth of a real scene of DDAD against a projection that shares no code with it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { ddad } from "../../src/data/ddad.ts";

const MINI = "../shared/data/ddad-mini";

/** A quaternion and translation of DGP as a 4 x 4 matrix, written out term by term. */
function matrixOf(pose: DgpPose): number[][] {
  const { qw, qx, qy, qz } = pose.rotation;
  const s = 2 / (qw * qw + qx * qx + qy * qy + qz * qz);
  const { x, y, z } = pose.translation;
  return [
    [1 - s * (qy * qy + qz * qz), s * (qx * qy - qz * qw), s * (qx * qz + qy * qw), x],
    [s * (qx * qy + qz * qw), 1 - s * (qx * qx + qz * qz), s * (qy * qz - qx * qw), y],
    [s * (qx * qz - qy * qw), s * (qy * qz + qx * qw), 1 - s * (qx * qx + qy * qy), z],
  ];
}

interface DgpPose {
  readonly rotation: {
    readonly qw: number;
    readonly qx: number;
    readonly qy: number;
    readonly qz: number;
  };
  readonly translation: { readonly x: number; readonly y: number; readonly z: number };
}

interface DgpDatum {
  readonly key: string;
  readonly id: { readonly name: string };
  readonly datum: {
    readonly image?: { readonly pose: DgpPose };
    readonly point_cloud?: { readonly pose: DgpPose; readonly filename: string };
  };
}

/** Depth of CAMERA_01 in the first moment by matrices alone: pixel -> metres. */
function independentDepth(rule: "nearest" | "dgp"): Map<number, number> {
  const folder = join(MINI, "scene_02");
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const scene = readdirSync(folder).find((name) => name.startsWith("scene_"))!;
  const { samples, data } = json(scene) as {
    samples: { datum_keys: string[]; calibration_key: string }[];
    data: DgpDatum[];
  };
  const own = data.filter(({ key }) => samples[0].datum_keys.includes(key));
  const calibration = json(`calibration/${samples[0].calibration_key}.json`) as {
    names: string[];
    intrinsics: { fx: number; fy: number; cx: number; cy: number }[];
  };
  const k = calibration.intrinsics[calibration.names.indexOf("CAMERA_01")];
  const camera = matrixOf(own.find(({ id }) => id.name === "CAMERA_01")!.datum.image!.pose);
  const cloud = own.find(({ datum }) => datum.point_cloud)!.datum.point_cloud!;
  const lidar = matrixOf(cloud.pose);
  const archive = unzipSync(readFileSync(join(folder, cloud.filename)));
  const npy = Buffer.from(archive["data.npy"]);
  const begin = 10 + npy.readUInt16LE(8);
  const depths = new Map<number, number>();
  for (let at = begin; at + 32 <= npy.length; at += 32) {
    const point = [0, 8, 16].map((offset) => npy.readDoubleLE(at + offset));
    // World, then the camera's axes: the transposed rotation of the difference.
    const world = lidar.map(([a, b, c, d]) => a * point[0] + b * point[1] + c * point[2] + d);
    const apart = world.map((value, axis) => value - camera[axis][3]);
    const [x, y, z] = [0, 1, 2].map((axis) =>
      camera.reduce((sum, row, i) => sum + row[axis] * apart[i], 0),
    );
    if (!(z > 0)) continue;
    const [u, v] = [(k.fx * x) / z + k.cx, (k.fy * y) / z + k.cy];
    const round = rule === "dgp" ? Math.trunc : (value: number): number => Math.floor(value + 0.5);
    const [column, row] = [round(u), round(v)];
    if (column < 0 || column >= 1936 || row < 0 || row >= 1216) continue;
    const pixel = row * 1936 + column;
    if (rule === "nearest" && (depths.get(pixel) ?? Infinity) < z) continue;
    depths.set(pixel, z);
  }
  return depths;
}

test.skipIf(!existsSync(MINI)).each(["nearest", "dgp"] as const)(
  `CAMERA_01 of ${MINI} equals an independent projection by the rule %s (skipped where absent)`,
  async (rule) => {
    const source = await ddad(MINI, "train", "stop", { rule });
    const { groundTruth, cameras } = await source.sample(0, { height: 32, width: 64 });
    expect(cameras[0].name).toBe("CAMERA_01");
    const expected = [...independentDepth(rule)].toSorted(([a], [b]) => a - b);
    const { pixels, depth_m } = groundTruth[0];
    expect(expected.length).toBeGreaterThan(2000);
    expect([...pixels]).toEqual(expected.map(([pixel]) => pixel));
    // Stored as f32; the two chains of f64 differ by less than 1e-9 m.
    const apart = expected.map(([, depth], i) => Math.abs(depth - depth_m[i]) / depth);
    expect(Math.max(...apart)).toBeLessThan(2 ** -24 + 1e-10);
  },
);

// The sensors of a real car: calibrations of nuScenes scene-0061 (v1.0-mini, log n015), which the
// built-in rig uses. Source: its calibrated_sensor table.
import type { Camera } from "./camera.ts";
import type { Pose, Quaternion, Vector } from "./pose.ts";

function camera(
  name: string,
  translation_m: Vector,
  rotation: Quaternion,
  focal_px: number,
  [cx, cy]: readonly [number, number],
): Camera {
  const intrinsics = { width: 1600, height: 900, fx: focal_px, fy: focal_px, cx, cy };
  return { name, ...intrinsics, rotation, translation_m };
}

/** The six cameras in ring order, 1600 x 900. */
export const NUSCENES_CAMERAS: readonly Camera[] = [
  camera(
    "CAM_FRONT",
    [1.70079118954, 0.0159456324149, 1.51095763913],
    [0.4998015430569128, -0.5030316162024876, 0.4997798114386805, -0.49737083824542755],
    1266.417203046554,
    [816.2670197447984, 491.50706579294757],
  ),
  camera(
    "CAM_FRONT_LEFT",
    [1.52387798135, 0.494631336551, 1.50932822144],
    [0.6757265034669446, -0.6736266522251881, 0.21214015046209478, -0.21122827103904068],
    1272.5979470598488,
    [826.6154927353808, 479.75165386361925],
  ),
  camera(
    "CAM_BACK_LEFT",
    [1.03569100218, 0.484795032713, 1.59097014818],
    [0.6924185592174665, -0.7031619420114925, -0.11648342771943819, 0.11203317912370753],
    1256.7414812095406,
    [792.1125740759628, 492.7757465151356],
  ),
  camera(
    "CAM_BACK",
    [0.0283260309358, 0.00345136761476, 1.57910346144],
    [0.5037872666382278, -0.49740249788611096, -0.4941850223835201, 0.5045496097725578],
    809.2209905677063,
    [829.2196003259838, 481.77842384512485],
  ),
  camera(
    "CAM_BACK_RIGHT",
    [1.0148780988, -0.480568219723, 1.56239545128],
    [0.12280980120078765, -0.132400842670559, -0.7004305821388234, 0.690496031265798],
    1259.5137405846733,
    [807.2529053838625, 501.19579884916527],
  ),
  camera(
    "CAM_FRONT_RIGHT",
    [1.5508477543, -0.493404796419, 1.49574800619],
    [0.2060347966337182, -0.2026940577919598, 0.6824507824531167, -0.6713610884174485],
    1260.8,
    [808, 495],
  ),
];

/** The LiDAR on the roof: x right, y forward, z up. */
export const NUSCENES_LIDAR: Pose = {
  rotation: [0.7077955119163518, -0.006492242056004365, 0.010646214713995808, -0.7063073142877817],
  translation_m: [0.943713, 0, 1.84023],
};

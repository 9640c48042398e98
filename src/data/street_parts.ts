// The things that stand in the built-in street, each as a few solids: vehicles, trees, lamps,
// signs, people. Where they stand is street.ts.
import type { RandomStream } from "../tensor/random.ts";
import type { Color, DressedSolid, Material, Surface } from "./materials.ts";

/** Where a part stands on the ground, and which way it faces (yaw, positive to the left). */
export interface Stand {
  readonly x: number;
  readonly y: number;
  readonly yaw: number;
}

/** Colours of cars. */
export const PAINTS: readonly Color[] = [
  [0.6, 0.6, 0.6],
  [0.32, 0.33, 0.35],
  [0.05, 0.05, 0.055],
  [0.45, 0.03, 0.03],
  [0.04, 0.1, 0.36],
  [0.7, 0.68, 0.62],
  [0.1, 0.25, 0.14],
  [0.72, 0.42, 0.05],
];
const CLOTHES: readonly Color[] = [
  [0.5, 0.08, 0.07],
  [0.07, 0.14, 0.4],
  [0.6, 0.55, 0.2],
  [0.12, 0.12, 0.13],
  [0.1, 0.35, 0.2],
  [0.6, 0.6, 0.62],
];
const SIGNS: readonly Color[] = [
  [0.65, 0.04, 0.04],
  [0.03, 0.12, 0.5],
  [0.75, 0.55, 0.03],
];

/** One of `choices`. */
export function pick<T>(stream: RandomStream, choices: readonly T[]): T {
  return choices[stream.integer(choices.length)];
}

/** Uniform in [low, high). */
export function between(stream: RandomStream, low: number, high: number): number {
  return low + (high - low) * stream.uniform();
}

/** A material without windows. */
export function material(stream: RandomStream, surface: Surface, color: Color): Material {
  return { surface, color, seed: stream.integer(2 ** 31), bay_m: 1, floor_m: 1 };
}

/** A solid at (forward, left) of a stand, its centre `z` above the ground. */
export function solidAt(
  stand: Stand,
  shape: DressedSolid["shape"],
  [forward, left, z]: readonly [number, number, number],
  [halfX, halfY, halfZ]: readonly [number, number, number],
  made: Material,
): DressedSolid {
  const [cos, sin] = [Math.cos(stand.yaw), Math.sin(stand.yaw)];
  const x = stand.x + cos * forward - sin * left;
  const y = stand.y + sin * forward + cos * left;
  return { shape, x, y, z, halfX, halfY, halfZ, yaw: stand.yaw, material: made };
}

/** A car, or one time in five a van: body, cabin with windows, four wheels. */
export function car(stream: RandomStream, stand: Stand): DressedSolid[] {
  const van = stream.uniform() < 0.2;
  const halfLength = between(stream, 2, 2.4) + (van ? 0.3 : 0);
  const halfWidth = between(stream, 0.87, 0.96) + (van ? 0.07 : 0);
  const color = pick(stream, PAINTS);
  const paint = material(stream, "paint", color);
  const glass = material(stream, "cabin", color);
  const tyre = material(stream, "plain", [0.018, 0.018, 0.02]);
  const beltline = van ? 1.05 : 0.92;
  const roof = van ? between(stream, 1.9, 2.3) : between(stream, 1.38, 1.52);
  const cabinHalf = van ? halfLength * 0.86 : halfLength * 0.52;
  const cabinBack = van ? -halfLength * 0.13 : -halfLength * 0.12;
  const solids = [
    solidAt(
      stand,
      "box",
      [0, 0, (0.24 + beltline) / 2],
      [halfLength, halfWidth, (beltline - 0.24) / 2],
      paint,
    ),
    solidAt(
      stand,
      "box",
      [cabinBack, 0, (beltline + roof) / 2],
      [cabinHalf, halfWidth - 0.09, (roof - beltline) / 2],
      glass,
    ),
  ];
  for (const forward of [-0.6, 0.6]) {
    for (const left of [-1, 1]) {
      const at = [forward * halfLength, left * (halfWidth - 0.06), 0.32] as const;
      solids.push(solidAt(stand, "ellipsoid", at, [0.32, 0.13, 0.32], tyre));
    }
  }
  return solids;
}

/** A street tree: trunk and a crown of three balls. */
export function tree(stream: RandomStream, stand: Stand): DressedSolid[] {
  const bark = material(stream, "plain", [0.12, 0.085, 0.06]);
  const green = between(stream, 0.75, 1.25);
  const leaves = material(stream, "leaves", [0.1 * green, 0.2 * green, 0.045]);
  const crown = between(stream, 1.1, 2);
  const trunk = between(stream, 2.2, 3.2);
  const solids = [
    solidAt(stand, "cylinder", [0, 0, trunk / 2], [0.14, 0.14, trunk / 2], bark),
    solidAt(stand, "ellipsoid", [0, 0, trunk + crown * 0.75], [crown, crown, crown * 1.1], leaves),
  ];
  for (let ball = 0; ball < 2; ball++) {
    const at = [
      between(stream, -0.7, 0.7) * crown,
      between(stream, -0.7, 0.7) * crown,
      trunk + between(stream, 0.5, 1.3) * crown,
    ] as const;
    const radius = crown * between(stream, 0.55, 0.75);
    solids.push(solidAt(stand, "ellipsoid", at, [radius, radius, radius], leaves));
  }
  return solids;
}

/** A street lamp whose arm reaches towards the left of its stand. */
export function lamp(stream: RandomStream, stand: Stand): DressedSolid[] {
  const steel = material(stream, "plain", [0.2, 0.22, 0.22]);
  const light = material(stream, "plain", [0.75, 0.75, 0.7]);
  const height = between(stream, 5.5, 7.5);
  return [
    solidAt(stand, "cylinder", [0, 0, height / 2], [0.08, 0.08, height / 2], steel),
    solidAt(stand, "box", [0, 0.7, height], [0.05, 0.75, 0.05], steel),
    solidAt(stand, "box", [0, 1.5, height - 0.05], [0.12, 0.3, 0.07], light),
  ];
}

/** A traffic sign that faces in the direction of its stand. */
export function sign(stream: RandomStream, stand: Stand): DressedSolid[] {
  const steel = material(stream, "plain", [0.35, 0.36, 0.37]);
  const plate = material(stream, "plain", pick(stream, SIGNS));
  const half = between(stream, 0.28, 0.42);
  return [
    solidAt(stand, "cylinder", [0, 0, 1.1], [0.035, 0.035, 1.1], steel),
    solidAt(stand, "box", [0.05, 0, 2.2 + half], [0.02, half, half], plate),
  ];
}

/** A person on foot: two legs, a body and a head. */
export function pedestrian(stream: RandomStream, stand: Stand): DressedSolid[] {
  const scale = between(stream, 0.9, 1.08);
  const trousers = material(stream, "plain", [0.06, 0.07, 0.11]);
  const coat = material(stream, "plain", pick(stream, CLOTHES));
  const skin = material(stream, "plain", [0.45, 0.28, 0.2]);
  const leg = [0.075, 0.075, 0.43 * scale] as const;
  return [
    solidAt(stand, "cylinder", [0.09, 0.09, 0.43 * scale], leg, trousers),
    solidAt(stand, "cylinder", [-0.09, -0.09, 0.43 * scale], leg, trousers),
    solidAt(stand, "ellipsoid", [0, 0, 1.13 * scale], [0.17, 0.25, 0.36 * scale], coat),
    solidAt(stand, "ellipsoid", [0, 0, 1.6 * scale], [0.11, 0.1, 0.14 * scale], skin),
  ];
}

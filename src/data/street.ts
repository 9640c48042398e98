// The built-in street: one random layout per moment, from the moment's own stream of random
// numbers. Street frame: x along the street, y left, z up, the ground at z = 0, the vehicle at x =
// 0. Layouts vary on purpose (width, set-back, traffic, heading of the vehicle), so that no single
// depth fits.
import type { RandomStream } from "../tensor/random.ts";
import type { Color, DressedSolid, Ground } from "./materials.ts";
import type { Pose } from "./pose.ts";
import type { Sky } from "./sky.ts";
import { packSolids, type PackedSolids } from "./solids.ts";
import {
  between,
  car,
  lamp,
  material,
  pedestrian,
  pick,
  sign,
  solidAt,
  tree,
} from "./street_parts.ts";

/** The whole scene of a moment of the built-in rig. */
export interface Street {
  readonly solids: readonly DressedSolid[];
  readonly packed: PackedSolids;
  /** Index of the first solid of the vehicle itself; the number of solids where it is not shown. */
  readonly own: number;
  readonly ground: Ground;
  readonly sky: Sky;
  /** Vehicle frame -> street frame. */
  readonly vehicle: Pose;
}

/** Dimensions by which all parts of a street are placed, in metres from its middle line. */
interface Plan {
  readonly ground: Ground;
  readonly lanes: number;
  readonly laneWidth_m: number;
  /** Whether cars park along the kerbs. */
  readonly parking: boolean;
  /** Distance of the house fronts on each side, right side first. */
  readonly fronts_m: readonly [number, number];
}

// The street is built this far ahead and behind; haze and houses close it.
const REACH_M = 115;
const WALLS: readonly Color[] = [
  [0.36, 0.14, 0.09],
  [0.5, 0.42, 0.3],
  [0.55, 0.5, 0.44],
  [0.3, 0.3, 0.31],
  [0.48, 0.3, 0.17],
  [0.42, 0.45, 0.4],
  [0.6, 0.55, 0.36],
  [0.24, 0.12, 0.1],
];
const VERGES: readonly Color[] = [
  [0.08, 0.13, 0.035],
  [0.1, 0.15, 0.05],
  [0.27, 0.25, 0.22],
  [0.2, 0.16, 0.11],
];
// Right side first: traffic keeps right, so the right side looks ahead along +x.
const SIDES = [-1, 1] as const;

/** The street that belongs to a stream of random numbers. */
export function makeStreet(stream: RandomStream): Street {
  const plan = makePlan(stream);
  const lane = stream.integer(plan.lanes);
  const turned = stream.uniform() < 0.25;
  const yaw = (turned ? between(stream, -0.5, 0.5) : between(stream, -0.06, 0.06)) / 2;
  const y = -(lane + 0.5) * plan.laneWidth_m + between(stream, -0.3, 0.3);
  const solids = [
    ...houses(stream, plan),
    ...traffic(stream, plan, y),
    ...furniture(stream, plan),
    ...people(stream, plan),
  ];
  return {
    solids,
    packed: packSolids(solids),
    own: solids.length,
    ground: plan.ground,
    sky: makeSky(stream),
    vehicle: { rotation: [Math.cos(yaw), 0, 0, Math.sin(yaw)], translation_m: [0, y, 0] },
  };
}

function makePlan(stream: RandomStream): Plan {
  const lanes = stream.uniform() < 0.6 ? 1 : 2;
  const laneWidth_m = between(stream, 2.9, 3.6);
  const parking = stream.uniform() < 0.6;
  const roadHalf_m = lanes * laneWidth_m + (parking ? 2.3 : 0);
  const pavementHalf_m = roadHalf_m + between(stream, 1.4, 4);
  const crossed = stream.uniform() < 0.7;
  // Fronts stand at the pavement, behind a garden or behind a square.
  const setBack = (): number => {
    const kind = stream.uniform();
    return kind < 0.35 ? 0.2 : kind < 0.7 ? between(stream, 1, 7) : between(stream, 8, 24);
  };
  return {
    lanes,
    laneWidth_m,
    parking,
    fronts_m: [pavementHalf_m + setBack(), pavementHalf_m + setBack()],
    ground: {
      seed: stream.integer(2 ** 31),
      roadHalf_m,
      pavementHalf_m,
      crossing_m: between(stream, -35, 45),
      crossingHalf_m: crossed ? between(stream, 4, 8) : 0,
      lane_m: lanes === 2 ? laneWidth_m : 0,
      verge: pick(stream, VERGES),
    },
  };
}

function makeSky(stream: RandomStream): Sky {
  const azimuth = between(stream, 0, 2 * Math.PI);
  const elevation = between(stream, 0.4, 1.05);
  const cloud = between(stream, 0.1, 0.75);
  const strength = 2.3 - 1.5 * cloud;
  const warmth = between(stream, 0, 1);
  const grey = 0.35 * cloud;
  const mixed = (clear: number, white: number): number => clear + (white - clear) * grey;
  return {
    sun: [
      Math.cos(elevation) * Math.cos(azimuth),
      Math.cos(elevation) * Math.sin(azimuth),
      Math.sin(elevation),
    ],
    sunlight: [strength, strength * (0.95 - 0.07 * warmth), strength * (0.88 - 0.2 * warmth)],
    zenith: [mixed(0.09, 0.5), mixed(0.22, 0.52), mixed(0.55, 0.56)],
    horizon: [mixed(0.5, 0.6), mixed(0.6, 0.62), mixed(0.74, 0.65)],
    haze_m: between(stream, 130, 300),
    cloud,
    seed: stream.integer(2 ** 31),
  };
}

/** Rows of houses on both sides, a second row behind the gaps, and houses that close the street. */
function houses(stream: RandomStream, plan: Plan): DressedSolid[] {
  const solids: DressedSolid[] = [];
  const { crossing_m, crossingHalf_m, pavementHalf_m } = plan.ground;
  const clear = crossingHalf_m + (pavementHalf_m - plan.ground.roadHalf_m);
  const isCrossed = (from: number, to: number): boolean =>
    crossingHalf_m > 0 && from < crossing_m + clear && to > crossing_m - clear;
  SIDES.forEach((side, which) => {
    const front = plan.fronts_m[which];
    let x = -REACH_M + between(stream, 0, 10);
    while (x < REACH_M) {
      const length = between(stream, 8, 22);
      const gap = stream.uniform() < 0.45 ? between(stream, 1.5, 12) : 0;
      if (isCrossed(x, x + length)) {
        x += 2;
        continue;
      }
      const back = front + (stream.uniform() < 0.3 ? between(stream, 0.5, 3) : 0);
      solids.push(house(stream, x + length / 2, side, back, length / 2));
      if (back > pavementHalf_m + 1 && stream.uniform() < 0.5) {
        solids.push(hedge(stream, x + length / 2, side * (pavementHalf_m + 0.4), length / 2 - 0.8));
      }
      x += length + gap;
    }
    for (let behind = -REACH_M; behind < REACH_M; behind += 40) {
      const away = front + between(stream, 25, 50);
      solids.push(house(stream, behind + 20, side, away, between(stream, 12, 19)));
    }
  });
  for (const end of [-1, 1]) {
    if (stream.uniform() < 0.6) solids.push(...closing(stream, end * between(stream, 50, REACH_M)));
  }
  return solids;
}

function house(
  stream: RandomStream,
  x: number,
  side: number,
  front_m: number,
  halfX: number,
): DressedSolid {
  const made = wall(stream);
  const halfY = between(stream, 4, 7);
  const height = made.floor_m * (2 + stream.integer(5)) + between(stream, 0.3, 1.2);
  const stand = { x, y: side * (front_m + halfY), yaw: 0 };
  return solidAt(stand, "box", [0, 0, height / 2], [halfX, halfY, height / 2], made);
}

/** Houses across the end of a street at `x`. */
function closing(stream: RandomStream, x: number): DressedSolid[] {
  return [-2, -1, 0, 1, 2].map((column) => {
    const made = wall(stream);
    const height = made.floor_m * (2 + stream.integer(5)) + 0.6;
    const stand = { x: x + Math.sign(x) * between(stream, 5, 7), y: column * 16, yaw: 0 };
    return solidAt(stand, "box", [0, 0, height / 2], [5, 8, height / 2], made);
  });
}

function wall(stream: RandomStream): DressedSolid["material"] {
  return {
    ...material(stream, "facade", pick(stream, WALLS)),
    bay_m: between(stream, 2, 3.6),
    floor_m: between(stream, 2.7, 3.6),
  };
}

function hedge(stream: RandomStream, x: number, y: number, halfX: number): DressedSolid {
  const halfZ = between(stream, 0.35, 0.7);
  const leaves = material(stream, "leaves", [0.07, 0.15, 0.04]);
  return solidAt({ x, y, yaw: 0 }, "box", [0, 0, halfZ], [halfX, 0.3, halfZ], leaves);
}

/** Parked cars along the kerbs and cars in the lanes; none close to the vehicle at `own_m`. */
function traffic(stream: RandomStream, plan: Plan, own_m: number): DressedSolid[] {
  const solids: DressedSolid[] = [];
  const { ground, laneWidth_m, lanes } = plan;
  const occupancy = between(stream, 0.25, 0.85);
  for (const side of SIDES) {
    const yaw = side < 0 ? 0 : Math.PI;
    if (plan.parking) {
      for (let x = -60; x < 60; x += between(stream, 5.8, 8)) {
        if (stream.uniform() > occupancy || isJunction(ground, x, 5)) continue;
        const y = side * (ground.roadHalf_m - 1.15);
        if (isClose(x, y - own_m)) continue;
        solids.push(...car(stream, { x, y, yaw: yaw + between(stream, -0.03, 0.03) }));
      }
    }
    for (let lane = 0; lane < lanes; lane++) {
      const spacing = between(stream, 14, 45);
      for (let x = -70 + between(stream, 0, 20); x < 80; x += spacing * between(stream, 0.7, 1.5)) {
        const y = side * (lane + 0.5) * laneWidth_m + between(stream, -0.25, 0.25);
        if (isClose(x, y - own_m)) continue;
        solids.push(...car(stream, { x, y, yaw: yaw + between(stream, -0.04, 0.04) }));
      }
    }
  }
  return solids;
}

/**
 * Whether a car at x, `aside_m` from the vehicle's own line, would block its way or fill a side
 * camera with one bare panel, which gives no cue for distance.
 */
function isClose(x: number, aside_m: number): boolean {
  return x > -8 && x < 11 && Math.abs(aside_m) < 4.5;
}

/** Trees, lamps and signs on the pavements. */
function furniture(stream: RandomStream, plan: Plan): DressedSolid[] {
  const solids: DressedSolid[] = [];
  const { ground } = plan;
  for (const side of SIDES) {
    const y = side * (ground.roadHalf_m + 0.7);
    if (stream.uniform() < 0.5) {
      for (let x = -70; x < 80; x += between(stream, 7, 15)) {
        if (!isJunction(ground, x, 3)) solids.push(...tree(stream, { x, y, yaw: 0 }));
      }
    }
    for (let x = between(stream, -70, -45); x < 80; x += between(stream, 20, 32)) {
      const yaw = side < 0 ? 0 : Math.PI;
      if (!isJunction(ground, x, 2)) solids.push(...lamp(stream, { x, y, yaw }));
    }
    for (let count = stream.integer(4); count > 0; count--) {
      const x = between(stream, -35, 45);
      const yaw = side < 0 ? Math.PI : 0;
      if (!isJunction(ground, x, 1)) solids.push(...sign(stream, { x, y, yaw }));
    }
  }
  return solids;
}

function people(stream: RandomStream, plan: Plan): DressedSolid[] {
  const { roadHalf_m, pavementHalf_m } = plan.ground;
  return Array.from({ length: stream.integer(14) }, () => {
    const y = pick(stream, SIDES) * between(stream, roadHalf_m + 0.5, pavementHalf_m);
    const stand = { x: between(stream, -40, 50), y, yaw: between(stream, 0, 2 * Math.PI) };
    return pedestrian(stream, stand);
  }).flat();
}

/** Whether x lies within the side street and `margin_m` around it. */
function isJunction(ground: Ground, x: number, margin_m: number): boolean {
  const { crossing_m, crossingHalf_m } = ground;
  return crossingHalf_m > 0 && Math.abs(x - crossing_m) < crossingHalf_m + margin_m;
}

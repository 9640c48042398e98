// The axes of an ablation: every row is trained at every combination of their values.
import { InputError } from "../tensor/error.ts";
import { parseOverride, type Override } from "./overrides.ts";

/** A value on every axis; without axes there is one point without values. */
export interface AxisPoint {
  /** The values by axis, as the table and the JSON show them; numbers, or weights as written. */
  readonly axes: Readonly<Record<string, number | string>>;
  readonly overrides: readonly Override[];
}

/** The axes as the command line gives them; an axis that is left out has the configuration's value. */
export interface AxisTexts {
  readonly lidarShares?: string;
  readonly beams?: string;
  /** Values such as `kl=0.1` or `kl=0.1+cross=0`. */
  readonly weights?: string;
}

/** Every combination of the axes' values. Throws InputError naming the option. */
export function axisPoints({ lidarShares, beams, weights }: AxisTexts): AxisPoint[] {
  const axes = [
    numbers(lidarShares, "--lidar-shares", "lidar_share", "lidar.share"),
    numbers(beams, "--beams", "beams", "rig.beams"),
    weightPoints(weights),
  ];
  const none: AxisPoint[] = [{ axes: {}, overrides: [] }];
  return axes.reduce(
    (points, axis) =>
      axis.length === 0
        ? points
        : points.flatMap((point) =>
            axis.map((value) => ({
              axes: { ...point.axes, ...value.axes },
              overrides: [...point.overrides, ...value.overrides],
            })),
          ),
    none,
  );
}

function numbers(text: string | undefined, option: string, axis: string, key: string): AxisPoint[] {
  const points = values(text).map((one) => {
    const value = one === "" ? Number.NaN : Number(one);
    if (!Number.isFinite(value)) {
      throw new InputError(`${option} ${JSON.stringify(one)}: expected numbers, such as 1,0.25`);
    }
    return { axes: { [axis]: value }, overrides: [{ key, value }] };
  });
  return distinct(points, option);
}

function weightPoints(text: string | undefined): AxisPoint[] {
  const points = values(text).map((one) => {
    const weights = one.split("+").map((weight) => parseOverride(weight, "--weights"));
    return {
      axes: { weights: weights.map(({ key, value }) => `${key}=${String(value)}`).join("+") },
      overrides: weights.map(({ key, value }) => ({ key: `loss.weights.${key}`, value })),
    };
  });
  return distinct(points, "--weights");
}

function values(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(",").map((part) => part.trim());
}

function distinct(points: AxisPoint[], option: string): AxisPoint[] {
  const texts = points.map(pointText);
  const twice = texts.find((one, i) => texts.indexOf(one) !== i);
  if (twice !== undefined) throw new InputError(`${option}: ${twice} is given twice`);
  return points;
}

/** The values of a point as text, such as `lidar_share 0.25, beams 8`; empty without axes. */
export function pointText({ axes }: AxisPoint): string {
  return Object.entries(axes)
    .map(([axis, value]) => (axis === "weights" ? String(value) : `${axis} ${value}`))
    .join(", ");
}

// The budget of the demonstration, which is also that of an ablation that names no other: so a row of
// its table is comparable with `npm start`.

// Chosen so that a software adapter on two cores finishes within minutes, including installation.
// With 32 beams the built-in rig leaves distillation little room (bench/results); a LiDAR of 4
// beams is what the method is for: sparse depth.
/** Keys of the configuration, as a file would give them. */
export const DEMO_BUDGET = {
  student: "nano",
  rig: { train_moments: 160, held_out_moments: 24, beams: 4 },
  size: { height: 64, width: 128 },
  steps: 480,
} as const;

type Keys = Readonly<Record<string, unknown>>;

/** The given keys over the budget; a given `rig` replaces only the keys that it has. */
export function withDemoBudget(given: Keys): Keys {
  const { rig } = given;
  const own = typeof rig === "object" ? rig : {};
  return { ...DEMO_BUDGET, ...given, rig: { ...DEMO_BUDGET.rig, ...own } };
}

/** The budget in words. */
export function demoBudgetText(): string {
  const { student, rig, size, steps } = DEMO_BUDGET;
  return (
    `${student} at ${size.height}x${size.width}, ${steps} steps, ${rig.train_moments} streets of the ` +
    `built-in rig with a LiDAR of ${rig.beams} beams, and ${rig.held_out_moments} streets held out`
  );
}

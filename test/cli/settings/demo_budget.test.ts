// The budget that the demonstration and an ablation share.
import { expect, test } from "vitest";
import {
  DEMO_BUDGET,
  demoBudgetText,
  withDemoBudget,
} from "../../../src/cli/settings/demo_budget.ts";
import { resolveConfig } from "../../../src/train/config.ts";
import { cli } from "../run.ts";

test("an ablation without settings has the configuration of the demonstration", () => {
  expect(resolveConfig(withDemoBudget({}), "ablate")).toEqual(resolveConfig(DEMO_BUDGET, "start"));
});

test("given keys replace theirs alone, inside the group of the rig too", () => {
  const given = { steps: 7, rig: { beams: 4, held_out_moments: 3 } };
  const { steps, size, rig } = resolveConfig(withDemoBudget(given), "ablate");
  expect({ steps, size }).toEqual({ steps: 7, size: DEMO_BUDGET.size });
  expect(rig).toEqual({ beams: 4, held_out_moments: 3, train_moments: 160, body: "none" });
});

test.each(["start", "ablate"])("the help of %s says it", async (command) => {
  const { stdout } = await cli(command, "--help");
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(demoBudgetText());
});

test("the defaults of the options of ablate are the budget's", async () => {
  const { stdout } = await cli("ablate", "--help");
  const text = stdout.replaceAll(/\s+/g, " ");
  for (const value of ["480", "64x128", "nano"]) expect(text).toContain(`(default: ${value})`);
});

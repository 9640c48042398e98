// Options of `ringdepth profile` that do not go together.
import { InputError } from "../tensor/error.ts";
import type { ProfileOptions } from "./profile.ts";

// What prints a text of the compiler has no times, no rows and no JSON.
const NOT_OF_IR = ["ab", "watch", "save", "baseline", "explain", "json", "format"] as const;

/** Throws InputError naming two options that contradict each other, or one that lacks another. */
export function refuseContradictions(options: ProfileOptions): void {
  const { cases, preset, ir, ab, watch, robustness = true, skipValidation } = options;
  if (cases !== undefined && preset !== undefined) {
    throw new InputError("give --cases or --preset, not both");
  }
  const stray =
    ir === undefined ? undefined : NOT_OF_IR.find((name) => options[name] !== undefined);
  if (stray !== undefined) throw new InputError(`--${stray} does not go with --ir`);
  if (!robustness || skipValidation === true) {
    const name = robustness ? "--skip-validation" : "--no-robustness";
    const other = (["ab", "watch", "ir"] as const).find((one) => options[one] !== undefined);
    if (other !== undefined) throw new InputError(`${name} does not go with --${other}`);
  }
  const { gate, lenient, baseline } = options;
  if (lenient === true && gate !== true) throw new InputError("--lenient goes with --gate");
  if (gate === true && baseline === undefined && ab === undefined && watch === undefined) {
    throw new InputError("--gate goes with --baseline or --ab: it is of a comparison");
  }
}

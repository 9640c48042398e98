// The entry point `ringdepth/profile`: times of kernels and of compiled graphs with their intervals,
// and verdicts on two of them.
export { InputError } from "./tensor/error.ts";
export { ClockError } from "./measure/sound_passes.ts";
export {
  comparePairs,
  compareSamples,
  drift,
  estimate,
  median,
  type Comparison,
  type Estimate,
  type Interval,
} from "./measure/statistics.ts";
export {
  measure,
  WrongKernelError,
  type Measurable,
  type Measured,
  type MeasureOptions,
} from "./measure/timed_subject.ts";

// The lines of a running ablation: one per cell, and one that counts steps and shows the time left.
import type { AblationEvents, CellPlace } from "../../ablate/ablation.ts";
import { timeLeft } from "../../ablate/time_left.ts";
import { digits } from "../../ablate/words.ts";
import type { Output } from "../terminal/surroundings.ts";
import type { StopSignal } from "../terminal/stop_signal.ts";
import { clock } from "../terminal/training_progress.ts";

// Plain lines of one cell, where no terminal rewrites its line.
const LINES = 4;

/**
 * The events of an ablation as lines. A signal stops training after a step; at any other time it
 * ends the program at once, after `onStop`.
 */
export function ablationProgress(
  output: Output,
  stop: StopSignal,
  onStop: () => void,
  now_ms: () => number = () => performance.now(),
): AblationEvents {
  const left = timeLeft();
  let done = 0;
  let began = { step: 0, ms: now_ms() };
  const name = ({ cell, number, count }: CellPlace): string =>
    `cell ${number}/${count} ${cell.name}`;
  let fitSteps = 0;
  return {
    onFit: (place, steps, fromStep) => {
      stop.startTraining();
      fitSteps = steps;
      const from = fromStep > 0 ? `, resumed after step ${fromStep}` : "";
      output.say(`${name(place)}: fits its teacher first, ${steps} steps${from}`);
    },
    onFitStep: (place, { step, loss }) => {
      const every = Math.max(1, Math.round(fitSteps / LINES));
      output.progress(
        `${name(place)}  teacher  step ${step}/${fitSteps}  loss ${loss.toFixed(4)}`,
        step % every === 0 && step < fitSteps,
      );
    },
    onTraining: (place, fromStep) => {
      stop.startTraining();
      began = { step: fromStep, ms: now_ms() };
      if (fromStep > 0) output.say(`${name(place)}: resumed after step ${fromStep}`);
    },
    onStep: (place, { step, loss }) => {
      const { steps } = place.cell.config;
      const cell_s = ((now_ms() - began.ms) / 1000 / Math.max(1, step - began.step)) * steps;
      const rest_s = left.left_s(place.count - done, step / steps, cell_s);
      const every = Math.max(1, Math.round(steps / LINES));
      output.progress(
        `${name(place)}  step ${step}/${steps}  loss ${loss.toFixed(4)}  ${clock(rest_s)} left`,
        step % every === 0 && step < steps,
      );
    },
    onEvaluation: () => stop.endTraining(onStop),
    onRecord: (place, { result, failure }, isNew) => {
      stop.endTraining(onStop);
      done++;
      if (failure !== null) {
        output.alert(`${name(place)}: failed: ${failure.reason}`);
        return;
      }
      if (result === null) return;
      left.finish(result.time_s);
      const source = isNew ? `in ${clock(result.time_s)}` : "finished earlier";
      output.say(`${name(place)}: AbsRel ${digits(result.metrics.abs_rel)}, ${source}`);
    },
    onMessage: output.warn,
  };
}

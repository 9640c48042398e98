// The processes of a run in its settings, and the adapter of each.
import { InputError } from "../../tensor/error.ts";
import type { RunSettings } from "../settings/run_settings.ts";

/**
 * The settings of a run in `ranks` processes. Throws InputError for a run to resume, or a
 * configuration, of another number of them: its moments would be others.
 */
export function withRanks(settings: RunSettings, ranks: number): RunSettings {
  const { config, out, resume } = settings;
  const { ranks: stored, ...rest } = config;
  const wanted = stored ?? 1;
  if (wanted !== ranks && (resume || stored !== undefined)) {
    const command = resume ? `ringdepth train --resume --out ${out}` : "ringdepth train";
    throw new InputError(
      `${resume ? `the run in ${out}` : "the configuration"} has ${processes(wanted)}, and ` +
        `${processes(ranks)} started; use: ${launcher(wanted)}${command}`,
    );
  }
  return { ...settings, config: ranks === 1 ? rest : { ...rest, ranks } };
}

/** The beginning of a command that starts so many processes; empty for one. */
export function launcher(ranks = 1): string {
  return ranks === 1 ? "" : `mpirun -n ${ranks} `;
}

/** A count of processes in words. */
export function processes(count: number): string {
  return count === 1 ? "1 process" : `${count} processes`;
}

/**
 * The adapter of a process among those of its machine: they take the GPUs one after the other, and
 * share them once there are more processes. Undefined where there is no choice.
 */
export function adapterOf(hardware: readonly string[], local_rank: number): string | undefined {
  return hardware.length < 2 ? undefined : hardware[local_rank % hardware.length];
}

// A command that reports typing errors before missing options, and says where to set what other
// training programs have as options.
import { Command, type ParseOptionsResult } from "commander";

// Option names of other programs; names that end like a key of the configuration need no entry.
const OTHER_NAMES: Readonly<Record<string, string>> = {
  lr: "optimizer.learning_rate",
  wd: "optimizer.weight_decay",
  decay: "optimizer.weight_decay",
  betas: "optimizer.beta1",
  eps: "optimizer.epsilon",
  clip: "optimizer.max_norm",
  "grad-clip": "optimizer.max_norm",
  "warmup-steps": "optimizer.warmup",
  "num-bins": "head.bins",
  "save-every": "checkpoint_every",
};
const EXPLAINED: Readonly<Record<string, string>> = {
  "batch-size": "a step trains on one moment of the whole rig; --steps sets the number of steps",
  batch: "a step trains on one moment of the whole rig; --steps sets the number of steps",
  epochs: "a step trains on one moment of the rig; --steps sets the number of steps",
};

/** A command of the program. */
export class StrictCommand extends Command {
  /** Paths of the configuration's keys, for hints. */
  #settings: readonly string[] = [];

  /** Learns the keys of the configuration if the command takes one, so that its errors name them. */
  async explainSettings(): Promise<void> {
    if (!this.#takesConfig()) return;
    const { configKeys } = await import("../../train/config/help.ts");
    this.#settings = configKeys().map(({ path }) => path);
  }

  #takesConfig(): boolean {
    return this.options.some(({ long }) => long === "--config");
  }

  override createCommand(name?: string): StrictCommand {
    return new StrictCommand(name);
  }

  override parseOptions(argv: string[]): ParseOptionsResult {
    const parsed = super.parseOptions(argv);
    const asksForHelp = parsed.unknown.some((text) => text === "-h" || text === "--help");
    const stray = parsed.unknown.find((text) => /^-./.test(text));
    // A command with subcommands passes unknown options on to them.
    if (stray !== undefined && !asksForHelp && this.commands.length === 0)
      this.unknownOption(stray);
    return parsed;
  }

  /** Replaces commander's own method, which its types do not declare. */
  unknownOption(flag: string): never {
    const name = flag.replace(/=.*$/s, "");
    const hint = this.#takesConfig() ? settingHint(name, this.#settings) : "";
    const near = hint === "" ? nearestFlag(name, flagsOf(this)) : null;
    const suggestion = near === null ? hint : ` (Did you mean ${near}?)`;
    this.error(`error: unknown option '${name}'${suggestion}`, { code: "commander.unknownOption" });
  }
}

/** Where to set something that is not an option; empty if the name is unknown. */
function settingHint(flag: string, settings: readonly string[]): string {
  const name = flag.replace(/^-+/, "").toLowerCase().replaceAll("_", "-");
  if (name in EXPLAINED) return ` (${EXPLAINED[name]})`;
  const wanted = name.replaceAll("-", "_");
  const key =
    OTHER_NAMES[name] ??
    settings.find((path) => path.replaceAll(".", "_").endsWith(wanted) && wanted.length > 3);
  return key === undefined ? "" : ` (${key} is a key of the YAML file that --config names)`;
}

function flagsOf({ options }: Command): string[] {
  return [
    ...options.flatMap(({ long, hidden }) =>
      hidden || long === undefined || long === null ? [] : [long],
    ),
    "--help",
  ];
}

/** The most similar flag, or null if none is similar. */
function nearestFlag(typed: string, flags: readonly string[]): string | null {
  if (!typed.startsWith("--")) return null;
  const found = flags.map((flag) => ({ flag, edits: editDistance(typed.slice(2), flag.slice(2)) }));
  const best = found.reduce((a, b) => (b.edits < a.edits ? b : a));
  const most = Math.max(1, Math.floor(0.4 * (typed.length - 2)));
  if (best.edits <= Math.min(3, most)) return best.flag;
  // An abbreviation, with or without a letter left out: --tresh for --threshold.
  const letters = typed.slice(2).replaceAll(/\W/g, "").split("").join(".*");
  return flags.find((flag) => typed.length > 5 && new RegExp(`^--${letters}`).test(flag)) ?? null;
}

/** Letters to insert, delete, replace or swap with the next. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

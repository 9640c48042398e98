// `ringdepth teacher list`: the moments and cameras of a data source that a folder of teacher maps
// must have, as the files teacher looks for them.
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import type { Split } from "../../data/data_source.ts";
import { openSource } from "../../train/source.ts";
import { runSettings } from "../settings/run_settings.ts";
import type { CommandContext } from "../terminal/define.ts";
import { common, wholeNumber, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { tableProgress } from "../terminal/table_progress.ts";

interface ListOptions extends CommonOptions {
  readonly data?: string;
  readonly config?: string;
  readonly seed?: number;
}

/** A moment with the maps that it needs. */
interface ListedMoment {
  readonly id: string;
  readonly splits: readonly Split[];
  /** `stem` is the path of the map below the folder, without its extension. */
  readonly cameras: readonly { readonly name: string; readonly stem: string }[];
}

const ABOUT = `
Prints one line per map: its path below the folder of maps, without the extension (.npy, .pfm or
.png; src/teacher/README.md has the format). --json also names moments and splits.`;

/** Defines the command under `teacher`. */
export function defineTeacherList(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("list")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option("--seed <n>", "seed of the built-in rig (default: 0)", wholeNumber("--seed", 0))
    .option("--config <file>", "YAML configuration; options override it");
  command.addHelpText("after", ABOUT);
  common(command, "ringdepth teacher list --data ddad:data/ddad-mini");
  command.action(async (options: ListOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { data, config: file, seed } = options;
    const { config } = await runSettings({ data, config: file, seed });
    const moments = new Map<string, ListedMoment>();
    for (const split of ["train", "held-out"] as const) {
      const source = await openSource(config, split, { onProgress: tableProgress(output) });
      for (let index = 0; index < source.count; index++) {
        const { id } = await source.identify(index);
        const cameras = source.cameras.map(({ name }) => ({ name, stem: `${id}/${name}` }));
        const splits = [...(moments.get(id)?.splits ?? []), split];
        moments.set(id, { id, splits, cameras });
      }
    }
    const listed = [...moments.values()];
    output.result(
      { data: config.data, moments: listed },
      listed.flatMap(({ cameras }) => cameras.map(({ stem }) => stem)),
    );
  });
}

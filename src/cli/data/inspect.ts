// `ringdepth data inspect`: what a data set has, which of its files are missing, and a picture of one
// moment with its LiDAR over the images.
import type { Command } from "commander";
import { contactSheet, sheetSize } from "../../data/contact_sheet.ts";
import type { DataSource, Split } from "../../data/data_source.ts";
import { openData } from "../../data/open_data.ts";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { InputError } from "../../tensor/error.ts";
import type { CommandContext } from "../terminal/define.ts";
import { wholeNumber, withJson, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import type { Output } from "../terminal/surroundings.ts";

interface InspectOptions extends CommonOptions {
  readonly sheet?: string;
  readonly moment: number;
  readonly split: string;
}

/** A split as the report has it. */
interface InspectedSplit {
  readonly split: Split;
  readonly moments: number;
  readonly unreadable: number;
  /** The first fault, null if there is none. */
  readonly fault: string | null;
}

const SPLITS = ["train", "held-out"] as const;

/** Defines the command under `data`. */
export function defineInspect(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("inspect")
    .argument("<source>", DATA_SOURCES)
    .description("say what a data set has and which images are missing; draw LiDAR over a moment")
    .option("--sheet <file>", "PNG to write: one moment, LiDAR over its images, near red, far blue")
    .option("--moment <n>", "moment of the sheet, from 0", wholeNumber("--moment", 0), 0)
    .option("--split <name>", "split of the sheet: train or held-out", "train");
  withJson(command, "ringdepth data inspect nuscenes:data@v1.0-mini --sheet sheet.png");
  command.action(async (spec: string, options: InspectOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { sheet, moment, split: sheetSplit } = options;
    if (!SPLITS.some((split) => split === sheetSplit)) {
      throw new InputError(`--split ${sheetSplit}: expected train or held-out`);
    }
    checkOutputs([{ option: "--sheet", path: sheet }]);
    const sources = new Map<Split, DataSource>();
    const splits: InspectedSplit[] = [];
    for (const split of SPLITS) {
      const source = await openData(spec, {
        split,
        badSamples: "skip",
        onProgress: (table, read, total) =>
          output.progress(`${table}: ${Math.round(read / 2 ** 20)}/${megabytes(total)} MiB`, false),
      });
      sources.set(split, source);
      splits.push(await inspectSplit(source, split, output));
    }
    const chosen = sources.get(sheetSplit as Split)!;
    if (sheet !== undefined) {
      if (moment >= chosen.count) {
        throw new InputError(
          `--moment ${moment}: ${sheetSplit} has moments 0 to ${chosen.count - 1}`,
        );
      }
      const sample = await chosen.sample(moment, sheetSize(chosen.cameras[0]));
      await writeFileAtomically(sheet, await contactSheet(sample));
    }
    const cameras = chosen.cameras.map(({ name, width, height, fx, fy, cx, cy }) => ({
      name,
      width,
      height,
      fx,
      fy,
      cx,
      cy,
    }));
    output.result({ data: spec, cameras, splits, sheet: sheet ?? null }, [
      chosen.describe(),
      ...cameras.map(
        ({ name, width, height, fx }) => `${name}: ${width} x ${height}, fx ${fx.toFixed(1)} px`,
      ),
      ...splits.map(splitLine),
      ...(sheet === undefined ? [] : [`${sheet}: moment ${moment} of ${sheetSplit}`]),
    ]);
  });
}

async function inspectSplit(
  source: DataSource,
  split: Split,
  output: Output,
): Promise<InspectedSplit> {
  let [unreadable, fault]: [number, string | null] = [0, null];
  for (let index = 0; index < source.count; index++) {
    try {
      await source.identify(index);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      unreadable++;
      fault ??= error.message;
    }
    output.progress(`${split}: moment ${index + 1}/${source.count}`, (index + 1) % 1000 === 0);
  }
  return { split, moments: source.count, unreadable, fault };
}

function splitLine({ split, moments, unreadable, fault }: InspectedSplit): string {
  const there = `${split}: ${moments} moments`;
  if (fault === null) return `${there}, all images are there`;
  return `${there}, ${unreadable} cannot be read; the first: ${fault}`;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

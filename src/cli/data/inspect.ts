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
import { tableProgress } from "../terminal/table_progress.ts";

interface InspectOptions extends CommonOptions {
  readonly sheet?: string;
  readonly moment: number;
  readonly split: string;
  readonly points: boolean;
}

/** A fault of a moment. */
interface MomentFault {
  /** From 0. */
  readonly moment: number;
  readonly fault: string;
}

/** Points of a cloud, or pixels with a depth, per moment. */
interface DepthCounts {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** A split as the report has it. */
interface InspectedSplit {
  readonly split: Split;
  readonly moments: number;
  readonly unreadable: number;
  /** The first fault, null if there is none. */
  readonly fault: string | null;
  /** Every fault, in the order of the moments. */
  readonly faults: readonly MomentFault[];
  /** Null where clouds and depth maps were not read, or there are none. */
  readonly depths: DepthCounts | null;
}

// Faults of a split on the screen; --json has all of them.
const SHOWN_FAULTS = 20;
const SPLITS = ["train", "held-out"] as const;

/** Defines the command under `data`. */
export function defineInspect(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("inspect")
    .argument("<source>", DATA_SOURCES)
    .option("--sheet <file>", "PNG to write: one moment, LiDAR over its images, near red, far blue")
    .option("--moment <n>", "moment of the sheet, from 0", wholeNumber("--moment", 0), 0)
    .option("--split <name>", "split of the sheet: train or held-out", "train")
    .option("--no-points", "look for the images only; do not read point clouds and depth maps");
  withJson(command, "ringdepth data inspect nuscenes:data@v1.0-mini --sheet sheet.png");
  command.action(async (spec: string, options: InspectOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { sheet, moment, split: sheetSplit, points } = options;
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
        onProgress: tableProgress(output),
      });
      sources.set(split, source);
      splits.push(await inspectSplit(source, split, points, output));
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
      ...splits.flatMap(splitLines),
      ...(sheet === undefined ? [] : [`${sheet}: moment ${moment} of ${sheetSplit}`]),
    ]);
  });
}

async function inspectSplit(
  source: DataSource,
  split: Split,
  withPoints: boolean,
  output: Output,
): Promise<InspectedSplit> {
  const counts: number[] = [];
  const faults: MomentFault[] = [];
  const checks = [
    async (index: number) => void (await source.identify(index)),
    async (index: number) => {
      if (withPoints && source.countDepths) counts.push(await source.countDepths(index));
    },
  ];
  for (let moment = 0; moment < source.count; moment++) {
    for (const check of checks) {
      try {
        await check(moment);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        // A moment that is broken as a whole has one fault.
        const { message: fault } = error;
        if (faults.at(-1)?.moment !== moment || faults.at(-1)?.fault !== fault) {
          faults.push({ moment, fault });
        }
      }
    }
    output.progress(`${split}: moment ${moment + 1}/${source.count}`, (moment + 1) % 1000 === 0);
  }
  return {
    split,
    moments: source.count,
    unreadable: new Set(faults.map(({ moment }) => moment)).size,
    fault: faults[0]?.fault ?? null,
    faults,
    depths: depthCounts(counts),
  };
}

function depthCounts(counts: readonly number[]): DepthCounts | null {
  if (counts.length === 0) return null;
  const sorted = counts.toSorted((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  return { least: sorted[0], median, most: sorted.at(-1)! };
}

function splitLines({ split, moments, unreadable, faults, depths }: InspectedSplit): string[] {
  const counted =
    depths === null
      ? ""
      : `; ${depths.least} to ${depths.most} true depths per moment, ${depths.median} in the middle`;
  if (unreadable === 0) {
    const files = depths === null ? "images are" : "images and depths are";
    return [`${split}: ${moments} moments, all ${files} there${counted}`];
  }
  const hidden = faults.length - SHOWN_FAULTS;
  return [
    `${split}: ${moments} moments, ${unreadable} cannot be read${counted}`,
    ...faults.slice(0, SHOWN_FAULTS).map(({ moment, fault }) => `  moment ${moment}: ${fault}`),
    ...(hidden > 0 ? [`  and ${hidden} more faults; --json lists them all`] : []),
  ];
}

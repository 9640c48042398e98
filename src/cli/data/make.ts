// `ringdepth data make`: writes the built-in rig in the format of a data set.
import type { Command } from "commander";
import type { ImageSize } from "../../data/camera.ts";
import { MADE_KINDS, makeData, type MadeKind } from "../../data/make/make_data.ts";
import { InputError } from "../../tensor/error.ts";
import type { CommandContext } from "../terminal/define.ts";
import { imageSize, wholeNumber, withJson, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";

interface MakeCommandOptions extends CommonOptions {
  readonly out: string;
  readonly train: number;
  readonly heldOut: number;
  readonly size?: ImageSize;
  readonly seed: number;
}

const ABOUT = `
Kinds:
  rig        images and a rig.json; open it with folder:DIR
  nuscenes   v1.0-mini with scene-0061 and scene-0103; open it with nuscenes:DIR
  ddad       ddad.json with scenes 000000 and 000150; open it with ddad:DIR
At the size at which they were written, the LiDAR depth maps equal those of --data rig with the same
seed, bit for bit.`;

const KIND_SOURCES: { readonly [kind in MadeKind]: string } = {
  rig: "folder",
  nuscenes: "nuscenes",
  ddad: "ddad",
};

/** Defines the command under `data`. */
export function defineMake(parent: Command, { surroundings }: CommandContext): void {
  const command = parent
    .command("make")
    .argument("<kind>", MADE_KINDS.join(", "))
    .requiredOption("--out <dir>", "new or empty folder to write into")
    .option("--train <n>", "moments to train on", wholeNumber("--train", 1), 8)
    .option("--held-out <n>", "moments to evaluate on", wholeNumber("--held-out", 1), 2)
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--seed <n>", "seed of the streets", wholeNumber("--seed", 0), 0);
  command.addHelpText("after", ABOUT);
  withJson(command, "ringdepth data make nuscenes --out data/made");
  command.action(async (text: string, options: MakeCommandOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const kind = MADE_KINDS.find((name) => name === text);
    if (kind === undefined) {
      throw new InputError(`kind ${text}: expected ${MADE_KINDS.join(", ")}`);
    }
    const { out, train, heldOut, seed, size = { height: 96, width: 160 } } = options;
    const files = await makeData(kind, out, {
      moments: { train, "held-out": heldOut },
      size,
      seed,
      onMoment: (done, total) => output.progress(`moment ${done}/${total}`, done % 10 === 0),
    });
    const data = `${KIND_SOURCES[kind]}:${out}`;
    output.result({ data, out, files, moments: { train, held_out: heldOut } }, [
      `${train} + ${heldOut} moments in ${files} files; use them with --data ${data}`,
    ]);
  });
}

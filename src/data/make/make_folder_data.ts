// The built-in rig as a folder of images with a rig.json (folder.ts), with LiDAR depth as npy.
import { writeNpy } from "../../formats/npy.ts";
import type { Camera } from "../camera.ts";
import { encodedImage, jsonBytes, sparseOf } from "./made_drive.ts";
import type { Maker } from "./maker.ts";

/** A maker of the files. */
export function folderFiles(): Maker {
  let cameras: readonly Camera[] = [];
  const heldOut: string[] = [];
  return {
    moment: async ({ sample }, split, index) => {
      const name = `${split}-${String(index).padStart(4, "0")}`;
      cameras = sample.cameras;
      if (split === "held-out") heldOut.push(name);
      const files = cameras.map(async (camera, view) => [
        {
          name: `images/${name}/${camera.name}.png`,
          bytes: await encodedImage(sample, view, "png"),
        },
        {
          name: `depth/${name}/${camera.name}.npy`,
          bytes: writeNpy(sparseOf(sample, view), [camera.height, camera.width]),
        },
      ]);
      return (await Promise.all(files)).flat();
    },
    rest: () => {
      const ring = cameras.map(({ name }) => name);
      const rig = { cameras, ring, held_out: heldOut, min_m: 0.1, cap_m: 80 };
      return [{ name: "rig.json", bytes: jsonBytes(rig) }];
    },
  };
}

// The images that a foundation model sees: those of the data at their own size, since the student's
// are a fraction of what the model was trained on.
import type { ImageSize } from "../../data/camera.ts";
import type { DataSource } from "../../data/data_source.ts";
import type { RigSample } from "../../data/rig_sample.ts";
import type { ImageSource } from "../../teacher/foundation/foundation_teacher.ts";
import type { FoundationModel } from "../../teacher/foundation/foundation_model.ts";
import { InputError } from "../../tensor/error.ts";

/**
 * The size of the images of a source that a network sees: their own. The built-in rig has none; it
 * renders the size that the network takes.
 */
export function nativeSize(
  { name, cameras }: Pick<DataSource, "name" | "cameras">,
  inputSize: FoundationModel["inputSize"],
): ImageSize {
  const { height, width } = cameras[0];
  return name === "rig" ? inputSize({ height, width }) : { height, width };
}

/**
 * Finds the moment of a sample in `sources`, which are opened when first needed, and gives its images
 * at their own size. Throws InputError for a sample that is in none of them.
 */
export function nativeImages(
  sources: () => Promise<readonly DataSource[]>,
): (inputSize: FoundationModel["inputSize"]) => ImageSource {
  let opened: Promise<readonly DataSource[]> | null = null;
  let places: Promise<ReadonlyMap<string, readonly [DataSource, number]>> | null = null;
  const all = async (): Promise<readonly DataSource[]> => await (opened ??= sources());
  const size = async (inputSize: FoundationModel["inputSize"]): Promise<ImageSize> =>
    nativeSize((await all())[0], inputSize);
  return (inputSize) => ({
    identity: async () => {
      const { height, width } = await size(inputSize);
      return `images ${height}x${width}`;
    },
    images: async (sample) => {
      places ??= all().then(placesOf);
      const place = (await places).get(sample.id);
      if (place === undefined) {
        throw new InputError(
          `sample ${sample.id}: its images are not in the data that the foundation model sees`,
        );
      }
      const [source, index] = place;
      const own = await source.sample(index, await size(inputSize));
      checkCameras(own, sample);
      return { images: own.images, size: own.cameras[0] };
    },
  });
}

/** The source and index of each moment by id. */
async function placesOf(
  sources: readonly DataSource[],
): Promise<ReadonlyMap<string, readonly [DataSource, number]>> {
  const places = new Map<string, readonly [DataSource, number]>();
  for (const source of sources) {
    for (let index = 0; index < source.count; index++) {
      places.set((await source.identify(index)).id, [source, index]);
    }
  }
  return places;
}

function checkCameras(own: RigSample, sample: RigSample): void {
  const names = ({ cameras }: RigSample): string => cameras.map(({ name }) => name).join();
  if (names(own) === names(sample)) return;
  throw new InputError(`sample ${sample.id}: has cameras ${names(sample)}, its data ${names(own)}`);
}

// The entry point `ringdepth/formats`: tensors, depth maps and point clouds as files. Every reader
// takes bytes and the name to use in errors, so that bytes may come from anywhere.
export { InputError } from "./tensor/error.ts";
export type { HostData } from "./formats/elements.ts";
export { readNpy, writeNpy, type NpyArray } from "./formats/npy.ts";
export { openNpz, readNpz, type Npz } from "./formats/npz.ts";
export { readPfm, writePfm, type FloatImage } from "./formats/pfm.ts";
export { readPly, writePly, type PointCloud } from "./formats/ply.ts";
export {
  readDepthPng,
  readGrey16Png,
  writeDepthPng,
  writeGrey16Png,
  type DepthImage,
  type Grey16Image,
} from "./formats/png16.ts";
export {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
  type SafetensorsDtype,
  type SafetensorsFile,
  type StoredTensor,
} from "./formats/safetensors.ts";

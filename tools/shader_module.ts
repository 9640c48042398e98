// Writes the entry point `ringdepth/shaders`: tsx tools/shader_module.ts FOLDER. A part of the build.
import { writeShaderModule } from "./page/shader_texts.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("give the folder of the build, such as dist");
writeShaderModule(folder);

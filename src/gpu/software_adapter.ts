// Loads the software Vulkan driver that tools/setup downloaded, for machines with no driver and no
// root access to install one. Downloads nothing itself.
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Beside src/ (or dist/), where tools/setup puts it.
const FOLDER = fileURLToPath(new URL("../../.cache/swiftshader", import.meta.url));
const RTLD_NODELETE = 0x1000; // glibc's bits/dlfcn.h

/**
 * Makes Dawn's next `create()` in this process find the downloaded driver (SwiftShader, with its
 * own Vulkan loader); false if there is none. Throws the dynamic linker's message if the driver is
 * there but cannot be loaded.
 */
export function loadSoftwareVulkan(): boolean {
  const loader = join(FOLDER, "libvulkan.so.1");
  const driver = join(FOLDER, "vk_swiftshader_icd.json");
  if (!existsSync(loader) || !existsSync(driver)) return false;
  process.env["VK_ICD_FILENAMES"] = driver;
  process.env["VK_DRIVER_FILES"] = driver; // the name that newer loaders ask for first
  try {
    // Dawn opens "libvulkan.so.1" by name, and the dynamic linker then returns the one already
    // loaded. Node treats the library as an addon, complains that it is not one and closes it;
    // NODELETE keeps it loaded.
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("did not self-register")) throw error;
  }
  return true;
}

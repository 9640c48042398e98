/**
 * A plain array of `length` numbers, all of them stored as f64. The readback from a GPU detaches a
 * buffer, after which V8 checks each access to a typed array of the process, and none to plain arrays:
 * loops over pixels are up to 1.7 times as slow with the check (Node 20, 92,160 depths).
 */
export function doubles(length: number, at: (i: number) => number): number[] {
  const all: number[] = [];
  // A fraction first: an array that began with whole numbers would be converted later.
  for (let i = 0; i < length; i++) all.push(0.5);
  for (let i = 0; i < length; i++) all[i] = at(i);
  return all;
}

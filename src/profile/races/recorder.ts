// The WGSL that records accesses to shared memory: each invocation writes a list of them, with its
// barriers in between. What conflicts is found on the host, from the lists. Pure.

/** Words of one record: the place, and the site with `FIRST_SITE` added. */
export const RECORD_WORDS = 2;
/** Records in front of the lists: box of workgroups, records per list, invocations per workgroup. */
export const HEAD_RECORDS = 3;
/** Sites of records that are not accesses. */
export const WORKGROUP_BARRIER = 1;
export const STORAGE_BARRIER = 2;
/** The number of the first access; 0 ends a list. */
export const FIRST_SITE = 3;
/** The site of the last record of a list that is too short; its place is the number of records. */
export const OVERFLOW = 0xffffffff;
/** Places from here on are outside of their variable. */
export const OUTSIDE = 0xe0000000;
/** Places from here on are of something that is not followed. */
export const UNFOLLOWED = 0xf0000000;

/** The parts of the recording functions that depend on a text. */
export interface RecorderSettings {
  /** In front of every name that is added. */
  readonly prefix: string;
  readonly group: number;
  readonly binding: number;
  /** Private variables that hold places. */
  readonly slots: number;
  /** The types of the values that pass through a function. */
  readonly passed: readonly string[];
  /** Whether it loads or stores matrices of subgroups. */
  readonly matrices: boolean;
}

/** Records the elements of a matrix, `lines` rows or columns of `width` each, `pitch` apart. */
const MATRIX = `fn $matrix(
  offset: u32, pitch: u32, base: u32, extent: u32, lines: u32, width: u32, site: u32, isOwn: bool,
) -> u32 {
  if isOwn {
    for (var line = 0u; line < lines; line++) {
      for (var i = 0u; i < width; i++) {
        let at = offset + line * pitch + i;
        $record(select(${OUTSIDE}u, base + at, at < extent), site);
      }
    }
  }
  return offset;
}`;

/** The declarations that an instrumented text ends with. */
export function recorderText(settings: RecorderSettings): string {
  const { prefix, group, binding, slots, passed, matrices } = settings;
  const privates = Array.from({ length: slots }, (_, i) => `var<private> $place_${i}: u32;`);
  const passes = passed.map(
    (type, i) => `fn $pass_${i}(value: ${type}, at: u32, site: u32) -> ${type} {
  $record(at, site);
  return value;
}
fn $pass_${i}_uniform(value: ${type}, at: u32, site: u32) -> ${type} {
  $record(0u, ${WORKGROUP_BARRIER}u);
  $record(at, site);
  $record(0u, ${WORKGROUP_BARRIER}u);
  return value;
}`,
  );
  const text = `
@group(${group}) @binding(${binding}) var<storage, read_write> $log: array<vec2u>;
var<private> $on: bool;
var<private> $list: u32;
var<private> $length: u32;
var<private> $count: u32;
${privates.join("\n")}
fn $start(me: u32, group: vec3u) {
  let box = vec3u($log[0], $log[1].x);
  let slot = (group.z * box.y + group.y) * box.x + group.x;
  $on = all(group < box);
  $length = $log[1].y;
  $list = ${HEAD_RECORDS}u + (slot * $log[2].x + me) * $length;
}
fn $workgroup_barrier() {
  workgroupBarrier();
  $record(0u, ${WORKGROUP_BARRIER}u);
}
fn $storage_barrier() {
  storageBarrier();
  $record(0u, ${STORAGE_BARRIER}u);
}
fn $from(slot: ptr<private, u32>, base: u32, index: u32, extent: u32, stride: u32) -> u32 {
  let isInside = base < ${OUTSIDE}u && index < extent;
  *slot = select(max(base, ${OUTSIDE}u), base + index * stride, isInside);
  return index;
}
fn $next(slot: ptr<private, u32>, index: u32, extent: u32, stride: u32) -> u32 {
  return $from(slot, *slot, index, extent, stride);
}
fn $note(index: u32, at: u32, site: u32) -> u32 {
  $record(at, site);
  return index;
}
fn $record(at: u32, site: u32) {
  if $on {
    let last = $length - 1u;
    let isFull = $count >= last;
    $log[$list + min($count, last)] = select(vec2u(at, site), vec2u($count, ${OVERFLOW}u), isFull);
    $count += 1u;
  }
}
${passes.join("\n")}
${matrices ? MATRIX : ""}
`;
  return text.replaceAll("$", prefix);
}

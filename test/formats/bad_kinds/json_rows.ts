// JSON, YAML and lists: DDAD, the tables of nuScenes, rig.json, teacher.json, indices of shards and
// configurations.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TABLES } from "../../../src/data/nuscenes/tables.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import { fileTeacher } from "../../../src/teacher/file_teacher.ts";
import { readWeightFiles } from "../../../src/teacher/foundation/weight_files.ts";
import { writeFolder } from "../../cli/folder_fixture.ts";
import { DGP_FILES, writeDgp } from "../../data/dgp_fixture.ts";
import { token, writeNuscenes } from "../../data/nuscenes/nuscenes_fixture.ts";
import {
  fileKinds,
  NO_ARRAY,
  NO_PATH,
  none,
  put,
  read,
  refused,
  swap,
  USER_NAMED,
  withMark,
  type FormatRow,
  type Kind,
  type Outcome,
  type Place,
} from "./kinds.ts";

/** Reads the first moment of a data set. */
function inspect(kind: string, parts: (place: Place) => string = () => ""): FormatRow["read"] {
  return {
    command: (place) => [
      "data",
      "inspect",
      `${kind}:${place.root}${parts(place)}`,
      "--sheet",
      join(place.root, "..", "sheet.png"),
    ],
  };
}

const NO_NUMBERS: Outcome = none("it has no numbers");
const REAL: Outcome = none("its numbers are real: f64 has the nearest");

/** What every JSON file that is read whole answers; `open` is its first bracket. */
const JSON_KINDS = {
  ...fileKinds(/not valid JSON: line 1/, /line 1, column 1: expected a value/),
  ...NO_ARRAY,
  "a byte order mark": read(withMark),
  "deep nesting": refused(/more than 128 levels/, swap("{", `{"x":${"[".repeat(200)}`)),
} as const;

const set: FormatRow = {
  name: "ddad.json",
  readers: ["data/ddad_schema.ts", "data/json_file.ts", "formats/json.ts", "formats/text.ts"],
  write: async (root) => {
    await writeDgp(root);
    return join(root, DGP_FILES.set);
  },
  read: inspect("ddad"),
  kinds: {
    ...JSON_KINDS,
    "wrong dtype": refused(/filenames: .*expected array/, swap(/\[[^\]]*\]/, "3")),
    "wrong shape": refused(/expected/, put("[]")),
    NaN: refused(/expected a value/, swap(/\[[^\]]*\]/, "[NaN]")),
    "unknown name": refused(/no "0" or "TRAIN"/, swap('"0"', '"7"')),
    "a key twice": refused(/"scene_splits" appears twice/, swap("{", '{"scene_splits":{},')),
    "a path that leaves the root": refused(/has "\.\." in it/, swap("000000/", "../x/")),
    "a size that overflows": NO_NUMBERS,
    "an integer beyond 2^53": NO_NUMBERS,
    "a string for a number": NO_NUMBERS,
  },
};

const scene: FormatRow = {
  ...set,
  name: "scene_*.json of DDAD",
  readers: ["data/ddad_moments.ts"],
  write: async (root) => {
    await writeDgp(root);
    return join(root, DGP_FILES.scene);
  },
  kinds: {
    ...JSON_KINDS,
    "wrong dtype": refused(/samples: .*expected array/, swap(/"samples":\[.*?\}\]/, '"samples":3')),
    "wrong shape": refused(
      /datum_keys: .*expected array/,
      swap(/"datum_keys":\[[^\]]*\]/, '"datum_keys":"l"'),
    ),
    NaN: refused(/expected a value/, swap('"height":32', '"height":NaN')),
    "unknown name": refused(/no datum with key m/, swap('["l"', '["m"')),
    "a key twice": refused(
      /"height" appears twice/,
      swap('"height":32', '"height":32,"height":32'),
    ),
    "a path that leaves the root": refused(/has "\.\." in it/, swap('"rgb/', '"../../rgb/')),
    "a size that overflows": refused(/height/, swap('"height":32', '"height":1e400')),
    "an integer beyond 2^53": refused(
      /pixels; at most/,
      swap('"height":32', '"height":9007199254740993'),
    ),
    "a string for a number": refused(/height/, swap('"height":32', '"height":"thirty-two"')),
  },
};

const calibration: FormatRow = {
  ...set,
  name: "calibration of DDAD",
  readers: [],
  write: async (root) => {
    await writeDgp(root);
    return join(root, DGP_FILES.calibration);
  },
  kinds: {
    ...JSON_KINDS,
    "wrong dtype": refused(/names: .*expected array/, swap(/"names":\[[^\]]*\]/, '"names":3')),
    "wrong shape": refused(/2 names, 3 intrinsics/, swap('"LIDAR",', "")),
    NaN: refused(/expected a value/, swap('"fx":40', '"fx":NaN')),
    "unknown name": refused(/unknown camera CAMERA_01/, swap('"CAMERA_01"', '"CAMERA_77"')),
    "a key twice": refused(/"fx" appears twice/, swap('"fx":40', '"fx":40,"fx":41')),
    "a path that leaves the root": NO_PATH,
    "a size that overflows": refused(/intrinsics\[1\]\.fx/, swap('"fx":40', '"fx":1e400')),
    "an integer beyond 2^53": REAL,
    "a string for a number": refused(/intrinsics\[1\]\.fx/, swap('"fx":40', '"fx":"forty"')),
  },
};

type Table = (typeof TABLES)[number];

/** What every table answers. */
const TABLE_KINDS = {
  ...fileKinds(/cut short|ends too early/, /the table ends too early/),
  ...NO_ARRAY,
  "a key twice": refused(/key token appears twice/, swap('{"token":', '{"token":"a","token":')),
  "a byte order mark": read(withMark),
  "deep nesting": refused(/more than 32 levels/, swap("{", `{"x":${"[".repeat(40)}`)),
} as const;

type Rest = Omit<Record<Kind, Outcome>, keyof typeof TABLE_KINDS>;

const TOKEN = /"token":"[^"]*"/;
const NO_LIST: Outcome = none("its fields have no shape");

/** The kinds that depend on the fields of a table. */
const TABLE_FIELDS: Readonly<Record<Table, Rest>> = {
  sensor: {
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(
      /record 0: channel: .*expected a string/,
      swap(/"channel":"\w+"/, '"channel":3'),
    ),
    "wrong shape": NO_LIST,
    NaN: refused(/expected a value/, swap(/"channel":"\w+"/, '"channel":NaN')),
    "unknown name": refused(/record 0: modality: expected camera/, swap('"camera"', '"sonar"')),
    "a size that overflows": NO_NUMBERS,
    "an integer beyond 2^53": NO_NUMBERS,
    "a string for a number": NO_NUMBERS,
  },
  calibrated_sensor: {
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(/token: .*expected a string/, swap(TOKEN, '"token":[]')),
    "wrong shape": refused(
      /rotation: .*a list of 4 finite/,
      swap(/"rotation":\[[^,]*,/, '"rotation":['),
    ),
    NaN: refused(/expected a value/, swap(/"rotation":\[[^,]*,/, '"rotation":[NaN,')),
    "unknown name": refused(
      /record 0: sensor_token: sensor\.json has no record/,
      swap(/"sensor_token":"[^"]*"/, '"sensor_token":"nowhere"'),
    ),
    "a size that overflows": refused(
      /translation: .*a list of 3 finite/,
      swap(/"translation":\[[^,]*,/, '"translation":[1e400,'),
    ),
    "an integer beyond 2^53": REAL,
    "a string for a number": refused(
      /camera_intrinsic: .*3 lists of 3 finite/,
      swap('"camera_intrinsic":[[40,', '"camera_intrinsic":[["40",'),
    ),
  },
  scene: {
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(
      /record 0: name: .*expected a string/,
      swap(/"name":"[^"]*"/, '"name":true'),
    ),
    "wrong shape": NO_LIST,
    NaN: refused(/expected a value/, swap(/"name":"[^"]*"/, '"name":NaN')),
    "unknown name": refused(
      /first_sample_token: sample\.json has no record/,
      swap(/"first_sample_token":"[^"]*"/, '"first_sample_token":"nowhere"'),
    ),
    "a size that overflows": none("none of its numbers is read"),
    "an integer beyond 2^53": none("none of its numbers is read"),
    "a string for a number": none("none of its numbers is read"),
  },
  sample: {
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(
      /record 0: next: .*expected a string/,
      swap(/"next":"[^"]*"/, '"next":null'),
    ),
    "wrong shape": NO_LIST,
    NaN: refused(/expected a value/, swap(/"timestamp":\d+/, '"timestamp":NaN')),
    "unknown name": refused(
      /next: sample\.json has no record/,
      swap(/"next":"[^"]+"/, '"next":"nowhere"'),
    ),
    "a size that overflows": refused(
      /timestamp: .*whole number/,
      swap(/"timestamp":\d+/, '"timestamp":1e400'),
    ),
    "an integer beyond 2^53": read(swap(/"timestamp":\d+/, '"timestamp":9007199254740993')),
    "a string for a number": refused(
      /timestamp: .*whole number/,
      swap(/"timestamp":(\d+)/, '"timestamp":"$1"'),
    ),
  },
  sample_data: {
    "a path that leaves the root": refused(
      /has "\.\." in it/,
      swap('"samples/CAM', '"../samples/CAM'),
    ),
    "wrong dtype": refused(
      /is_key_frame: .*true or false/,
      swap('"is_key_frame":true', '"is_key_frame":1'),
    ),
    "wrong shape": NO_LIST,
    NaN: refused(/expected a value/, swap('"width":64', '"width":NaN')),
    "unknown name": refused(
      /ego_pose_token: ego_pose\.json has no record/,
      swap(/"ego_pose_token":"[^"]*"/, '"ego_pose_token":"nowhere"'),
    ),
    "a size that overflows": refused(
      /width: .*a finite number/,
      swap('"width":64', '"width":1e400'),
    ),
    "an integer beyond 2^53": refused(
      /pixels; at most/,
      swap('"width":64', '"width":9007199254740993'),
    ),
    "a string for a number": refused(
      /width: .*a finite number/,
      swap('"width":64', '"width":"64"'),
    ),
  },
  ego_pose: {
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(
      /rotation: .*a list of 4 finite/,
      swap(/"rotation":\[[^\]]*\]/, '"rotation":{}'),
    ),
    "wrong shape": refused(
      /translation: .*a list of 3 finite/,
      swap(/"translation":\[[^,]*,/, '"translation":['),
    ),
    NaN: refused(/expected a value/, swap(/"translation":\[[^,]*,/, '"translation":[NaN,')),
    "unknown name": refused(/ego_pose\.json has no record/, swap(TOKEN, '"token":"nowhere"')),
    "a size that overflows": refused(
      /translation: .*a list of 3 finite/,
      swap(/"translation":\[[^,]*,/, '"translation":[1e400,'),
    ),
    "an integer beyond 2^53": REAL,
    "a string for a number": refused(
      /translation: .*a list of 3 finite/,
      swap(/"translation":\[[^,]*,/, '"translation":["x",'),
    ),
  },
};

const tables: readonly FormatRow[] = TABLES.map((table) => ({
  name: `${table}.json of nuScenes`,
  readers: [
    "data/nuscenes/tables.ts",
    "data/nuscenes/nuscenes.ts",
    "formats/json_table.ts",
    "formats/json_scanner.ts",
  ],
  write: async (root) => {
    await writeNuscenes(root);
    return join(root, "v1.0-mini", `${table}.json`);
  },
  read: inspect("nuscenes"),
  kinds: {
    ...TABLE_KINDS,
    ...TABLE_FIELDS[table],
    ...(table === "sample_data" && {
      missing: refused(/no folder of tables/, ({ file }: Place) => rmSync(file)),
    }),
  },
}));

const splits: FormatRow = {
  name: "splits.json of nuScenes",
  readers: [],
  write: async (root) => {
    await writeNuscenes(root);
    const file = join(root, "v1.0-mini/splits.json");
    writeFileSync(file, JSON.stringify({ train: ["scene-0061"], val: ["scene-0103"] }));
    return file;
  },
  read: inspect("nuscenes"),
  kinds: {
    ...JSON_KINDS,
    missing: read(({ file }) => rmSync(file)),
    "wrong dtype": refused(/train: .*expected array/, swap('["scene-0061"]', "3")),
    "wrong shape": refused(/expected record/, put("[]")),
    NaN: refused(/expected a value/, swap('["scene-0061"]', "[NaN]")),
    "unknown name": refused(
      /train: .*no scene scene-9999/,
      swap('"scene-0061"', '"scene-0061","scene-9999"'),
    ),
    "a key twice": refused(/"train" appears twice/, swap("{", '{"train":[],')),
    "a path that leaves the root": NO_PATH,
    "deep nesting": refused(/more than 128 levels/, swap("{", `{"x":${"[".repeat(200)}`)),
    "a size that overflows": NO_NUMBERS,
    "an integer beyond 2^53": NO_NUMBERS,
    "a string for a number": NO_NUMBERS,
  },
};

const list: FormatRow = {
  name: "list of samples",
  readers: ["data/source_spec.ts"],
  write: async (root) => {
    await writeNuscenes(root);
    const file = join(root, "tokens.txt");
    writeFileSync(file, `${token("a sample 0")}\n${token("a sample 1")}\n`);
    return file;
  },
  read: inspect("nuscenes", ({ file }) => `@${file}`),
  kinds: {
    ...fileKinds(/no record with token/, /the list has no sample/),
    truncated: refused(/line 2: .*no record with token/, swap(/.{9}\n$/, "")),
    "a link that leaves the root": USER_NAMED,
    ...NO_ARRAY,
    "a path that leaves the root": refused(/line 1: .*no record with token/, swap(/^/, "../")),
    "wrong dtype": refused(/line 1: .*no record with token/, put("[1, 2]\n")),
    "wrong shape": none("it has one word per line; the rest of a line is not read"),
    NaN: NO_NUMBERS,
    "unknown name": refused(/line 2: .*no record with token/, swap(/\n.*\n$/, "\nnowhere\n")),
    "a key twice": refused(/line 3: .* is in line 1 already/, swap(/^(.*\n)(.*\n)$/, "$1$2$1")),
    "a size that overflows": NO_NUMBERS,
    "a byte order mark": read(withMark),
    "deep nesting": none("it is flat"),
    "an integer beyond 2^53": none("its names stay text"),
    "a string for a number": NO_NUMBERS,
  },
};

const rig: FormatRow = {
  name: "rig.json",
  readers: ["data/folder.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    return join(root, "rig.json");
  },
  read: inspect("folder"),
  kinds: {
    ...JSON_KINDS,
    "wrong dtype": refused(/cameras: .*expected array/, swap(/"cameras":\[.*\}\]/, '"cameras":3')),
    "wrong shape": refused(/cameras\[0\]\.rotation/, swap('"rotation":[0.5,', '"rotation":[')),
    NaN: refused(/expected a value/, swap('"fx":50', '"fx":NaN')),
    "unknown name": refused(/cameras\[0\].*"f"/, swap('"fx":50', '"fx":50,"f":50')),
    "a key twice": refused(/"fx" appears twice/, swap('"fx":50', '"fx":50,"fx":50')),
    "a path that leaves the root": refused(/held_out: there is no folder/, swap('"m2"', '"../m2"')),
    "a size that overflows": refused(/cameras\[0\]\.width/, swap('"width":64', '"width":1e400')),
    "an integer beyond 2^53": refused(
      /pixels; at most/,
      swap('"width":64', '"width":9007199254740993'),
    ),
    "a string for a number": refused(/cameras\[0\]\.width/, swap('"width":64', '"width":"64"')),
  },
};

const UNITS = {
  bins: 16,
  scale: { protocol: { name: "x", min_m: 0.1, cap_m: 80 }, focalReference_px: 500 },
};
const teacher: FormatRow = {
  name: "teacher.json",
  readers: ["teacher/file_teacher.ts"],
  write: (root) => {
    mkdirSync(root, { recursive: true });
    const file = join(root, "teacher.json");
    writeFileSync(file, JSON.stringify({ kind: "logits", name: "a", bins: 16, centers: true }));
    return file;
  },
  read: { by: async ({ root }) => await fileTeacher(root, UNITS) },
  kinds: {
    ...JSON_KINDS,
    "wrong dtype": refused(/centers: .*expected boolean/, swap('"centers":true', '"centers":1')),
    "wrong shape": refused(/expected object/, put("[]")),
    NaN: refused(/expected a value/, swap('"bins":16', '"bins":NaN')),
    "unknown name": refused(/kind: /, swap('"logits"', '"logit"')),
    "a key twice": refused(/"bins" appears twice/, swap('"bins":16', '"bins":16,"bins":16')),
    "a path that leaves the root": NO_PATH,
    "a size that overflows": refused(/bins: /, swap('"bins":16', '"bins":1e400')),
    "an integer beyond 2^53": refused(/bins: /, swap('"bins":16', '"bins":9007199254740993')),
    "a string for a number": refused(/bins: /, swap('"bins":16', '"bins":"16"')),
  },
};

const shards: FormatRow = {
  name: "index of shards",
  readers: ["teacher/foundation/weight_files.ts"],
  write: (root) => {
    mkdirSync(root, { recursive: true });
    const tensor = { name: "a", shape: [1], data: Float32Array.of(1) };
    writeFileSync(join(root, "one.safetensors"), writeSafetensors([tensor]));
    const file = join(root, "model.safetensors.index.json");
    writeFileSync(file, JSON.stringify({ weight_map: { a: "one.safetensors" } }));
    return file;
  },
  read: { by: async ({ file }) => await readWeightFiles(file) },
  kinds: {
    ...JSON_KINDS,
    missing: refused(/cannot read the weights: no such file/, ({ file }) => rmSync(file)),
    "a directory in its place": refused(/no weights/, ({ root, file }) => {
      rmSync(file);
      rmSync(join(root, "one.safetensors"));
      mkdirSync(file);
    }),
    "a link that leaves the root": USER_NAMED,
    "wrong dtype": refused(/weight_map: expected the file/, swap('"one.safetensors"', "3")),
    "wrong shape": refused(/weight_map: expected the file/, put("[]")),
    NaN: refused(/expected a value/, swap('"one.safetensors"', "NaN")),
    "unknown name": refused(/has tensor b, which it does not have/, swap('"a"', '"b"')),
    "a key twice": refused(/"a" appears twice/, swap('{"a"', '{"a":"x","a"')),
    "a path that leaves the root": refused(/has "\.\." in it/, swap('"one', '"../one')),
    "a size that overflows": NO_NUMBERS,
    "an integer beyond 2^53": NO_NUMBERS,
    "a string for a number": NO_NUMBERS,
  },
};

const yaml: FormatRow = {
  name: "YAML configuration",
  readers: ["train/config/text.ts", "formats/yaml.ts", "cli/settings/run_settings.ts"],
  write: (root) => {
    mkdirSync(root, { recursive: true });
    const file = join(root, "run.yaml");
    const rigOfOne = "rig: {train_moments: 1, held_out_moments: 1}";
    writeFileSync(
      file,
      `data: rig\nseed: 3\nsteps: 5\n${rigOfOne}\nsize: {height: 32, width: 64}\n`,
    );
    return file;
  },
  read: { command: ({ file }) => ["teacher", "list", "--config", file] },
  kinds: {
    ...fileKinds(/not valid YAML/, /x/),
    truncated: refused(/not valid YAML: line/, swap(/, width: 64\}\n/, "")),
    // No key is set: the configuration is the default one, which would render 60 moments.
    empty: none("an empty file is a configuration of defaults"),
    "a link that leaves the root": USER_NAMED,
    ...NO_ARRAY,
    "a path that leaves the root": none("its paths are the user's own"),
    "wrong dtype": refused(/steps/, swap("steps: 5", "steps: [5]")),
    "wrong shape": refused(/expected keys and values/, put("- data\n")),
    NaN: refused(/steps/, swap("steps: 5", "steps: .nan")),
    "unknown name": refused(/unknown key "stepz"/, swap("steps: 5", "stepz: 5")),
    "a key twice": refused(/not valid YAML: line 3/, swap("steps: 5", "seed: 5")),
    "a size that overflows": refused(/steps/, swap("steps: 5", "steps: 1e400")),
    "a byte order mark": read(withMark),
    "deep nesting": refused(/nested \d+ levels deep/, swap("steps: 5", `steps: ${"[".repeat(40)}`)),
    "an integer beyond 2^53": refused(/seed/, swap("seed: 3", "seed: 9007199254740993")),
    "a string for a number": refused(/steps/, swap("steps: 5", 'steps: "five"')),
  },
};

/** The rows of this file. */
export const JSON_ROWS: readonly FormatRow[] = [
  set,
  scene,
  calibration,
  ...tables,
  splits,
  list,
  rig,
  teacher,
  shards,
  yaml,
];

// Reads apt's source lists (deb822 and one-line) and derives from them what Debian 12 needs to
// install one newer package: its own mirror's backports. Pure; the machine's files are read by
// others.

/**
 * One source of packages: mirrors, suites and components, all other fields by their deb822 names.
 * @typedef {{ uris: string[], suites: string[], components: string[],
 *   fields: Record<string, string> }} Source
 */

// One-line options whose deb822 field has another name.
const FIELD_OF_OPTION = /** @type {Record<string, string>} */ ({
  arch: "Architectures",
  lang: "Languages",
  target: "Targets",
});

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter((word) => word !== "");

/**
 * The enabled binary sources of a `.sources` file.
 * @param {string} text
 * @returns {Source[]}
 */
export function parseDeb822(text) {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  const stanzas = lines.join("\n").split(/\n(?:[ \t]*\n)+/);
  return stanzas.flatMap((stanza) => {
    /** @type {Record<string, string>} */
    const fields = {};
    // A line that begins with a blank continues the field before it (an inline key does).
    for (const [, name, value] of stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)$/gm)) {
      fields[canonicalName(name ?? "")] = (value ?? "").trimEnd();
    }
    const { Types, URIs, Suites, Components, Enabled, ...rest } = fields;
    if (!words(Types ?? "").includes("deb") || /^(no|false|off|0)$/i.test(Enabled ?? "")) return [];
    return [source(words(URIs ?? ""), words(Suites ?? ""), words(Components ?? ""), rest)];
  });
}

/** @param {string} name */
function canonicalName(name) {
  return name.toLowerCase() === "uris" ? "URIs" : name.replace(/[A-Za-z]+/g, capitalised);
}

/** @param {string} word */
function capitalised(word) {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}

/**
 * The binary sources of a `.list` file: `deb [option=value …] uri suite component…` a line.
 * @param {string} text
 * @returns {Source[]}
 */
export function parseOneLine(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    /** @type {Record<string, string>} */
    const fields = {};
    for (const [, key = "", sign, value = ""] of options.matchAll(/([\w-]+?)([+-]?)=(\S+)/g)) {
      const name = FIELD_OF_OPTION[key] ?? canonicalName(key);
      const suffix = sign === "+" ? "-Add" : sign === "-" ? "-Remove" : "";
      fields[name + suffix] = value.replaceAll(",", " ");
    }
    return [source([uri], [suite], words(components), fields)];
  });
}

/**
 * @param {string[]} uris
 * @param {string[]} suites
 * @param {string[]} components
 * @param {Record<string, string>} fields
 * @returns {Source}
 */
function source(uris, suites, components, fields) {
  return { uris: uris.filter((uri) => !uri.startsWith("cdrom:")), suites, components, fields };
}

/**
 * The text of a `.sources` file: Debian's own sources of the release among those given, and the
 * backports of the same mirror. Null where no source is Debian's. Other vendors' sources stay out:
 * a broken one must not stop us.
 * @param {readonly Source[]} sources
 * @param {string} codename of the release, as "bookworm"
 * @returns {string | null}
 */
export function backportsSources(sources, codename) {
  const usable = sources.filter(
    ({ uris, components }) => uris.length > 0 && components.includes("main"),
  );
  const mirror = usable
    .filter(({ suites }) => suites.includes(codename))
    .map((candidate) => ({ candidate, rank: likeness(candidate, usable, codename) }))
    .filter(({ rank }) => rank > 0)
    .toSorted((a, b) => b.rank - a.rank)[0]?.candidate;
  if (mirror === undefined) return null;
  const companions = new Set([
    `${codename}-updates`,
    `${codename}-security`,
    `${codename}/updates`,
  ]);
  const stanzas = [render({ ...mirror, suites: [codename, `${codename}-backports`] })];
  for (const other of usable) {
    const suites = other.suites.filter((suite) => companions.has(suite));
    if (suites.length > 0) stanzas.push(render({ ...other, suites }));
  }
  return stanzas.join("\n");
}

/**
 * How much a source looks like Debian's archive and not like a vendor's: many use the release's
 * name as suite.
 * @param {Source} candidate
 * @param {readonly Source[]} all
 * @param {string} codename
 */
function likeness(candidate, all, codename) {
  const sameMirror = all.filter(({ uris }) => uris.some((uri) => candidate.uris.includes(uri)));
  /** @param {string} suite */
  const offers = (suite) => sameMirror.some(({ suites }) => suites.includes(suite));
  return (
    Number(offers(`${codename}-backports`)) +
    Number(offers(`${codename}-updates`)) +
    Number(/debian-archive/.test(candidate.fields["Signed-By"] ?? "")) +
    Number(candidate.uris.some((uri) => /\/debian\/?$/.test(uri)))
  );
}

/**
 * @param {Source} entry
 * @returns {string}
 */
function render({ uris, suites, components, fields }) {
  const head = [
    `URIs: ${uris.join(" ")}`,
    `Suites: ${suites.join(" ")}`,
    `Components: ${components.join(" ")}`,
  ];
  const rest = Object.entries(fields).map(([name, value]) =>
    `${name}: ${value}`.replace(": \n", ":\n"),
  );
  return ["Types: deb", ...head, ...rest, ""].join("\n");
}

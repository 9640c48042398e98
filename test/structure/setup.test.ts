// Set-up's pure parts: reading apt's sources, choosing an archive, comparing lockfiles, reading
// tar. The parts that install run on a fresh machine, by hand.
import { describe, expect, test } from "vitest";
// @ts-expect-error: plain JavaScript, type-checked by tools/tsconfig.setup.json
import { backportsSources, parseDeb822, parseOneLine } from "../../tools/setup/apt_sources.js";
// @ts-expect-error: plain JavaScript, type-checked by tools/tsconfig.setup.json
import { lavapipeAdvice, lavapipeArchive } from "../../tools/setup/lavapipe.js";
// @ts-expect-error: plain JavaScript, type-checked by tools/tsconfig.setup.json
import { firstStalePackage } from "../../tools/setup/packages.js";
// @ts-expect-error: plain JavaScript, type-checked by tools/tsconfig.setup.json
import { readTar } from "../../tools/setup/tar.js";

const DEB822 = `# the image's own
Types: deb deb-src
# a snapshot
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

types: deb
uris: http://mirror.example/debian-security/
suites: bookworm-security
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
`;

describe("apt's sources", () => {
  test("deb822 gives every enabled binary source with all its fields", () => {
    expect(parseDeb822(DEB822)).toEqual([
      {
        uris: ["http://mirror.example/debian", "http://other.example/debian"],
        suites: ["bookworm", "bookworm-updates"],
        components: ["main", "contrib"],
        fields: { "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg" },
      },
      {
        uris: ["http://mirror.example/debian-security/"],
        suites: ["bookworm-security"],
        components: ["main"],
        fields: {
          "Signed-By":
            "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----",
        },
      },
    ]);
  });

  test("one-line entries keep their options under deb822 names", () => {
    const text = `# deb http://commented.example/debian bookworm main
deb [arch=amd64,arm64 signed-by=/k.gpg arch+=i386 check-valid-until=no] http://m.example/debian bookworm main contrib # note
deb-src http://m.example/debian bookworm main
deb cdrom:[Debian_12]/ bookworm main
  deb\thttp://m.example/debian-security bookworm-security main`;
    expect(parseOneLine(text)).toEqual([
      {
        uris: ["http://m.example/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        fields: {
          Architectures: "amd64 arm64",
          "Signed-By": "/k.gpg",
          "Architectures-Add": "i386",
          "Check-Valid-Until": "no",
        },
      },
      { uris: [], suites: ["bookworm"], components: ["main"], fields: {} },
      {
        uris: ["http://m.example/debian-security"],
        suites: ["bookworm-security"],
        components: ["main"],
        fields: {},
      },
    ]);
  });

  test("backports come from Debian's mirror, beside the release, its updates and security", () => {
    expect(backportsSources(parseDeb822(DEB822), "bookworm")).toBe(`Types: deb
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`);
  });

  test("a vendor that names its suite after the release is not taken for a mirror", () => {
    const sources = parseOneLine(`deb https://vendor.example/node_20.x bookworm main
deb https://vendor.example/linux/debian-like bookworm stable
deb https://proxy.example/remote-debian bookworm main
deb https://proxy.example/remote-debian bookworm-updates main`);
    const text = backportsSources(sources, "bookworm");
    expect(text).toContain(
      "URIs: https://proxy.example/remote-debian\nSuites: bookworm bookworm-backports\n",
    );
    expect(text).not.toContain("vendor.example");
  });

  test("no mirror of the release gives null", () => {
    const sources = parseOneLine(
      "deb http://m.example/debian trixie main\ndeb cdrom:[D]/ bookworm main",
    );
    expect(backportsSources(sources, "bookworm")).toBeNull();
  });
});

describe("which archive has a lavapipe that Dawn accepts", () => {
  const release = (id: string, version: string, more = ""): string =>
    `PRETTY_NAME="${id} ${version}"\nID=${id}\nVERSION_ID="${version}"\n${more}`;
  const none = { archive: "none", why: expect.stringMatching(/\w/) as string };
  test.each([
    [
      "Debian 12",
      release("debian", "12", "VERSION_CODENAME=bookworm\n"),
      { archive: "backports", codename: "bookworm" },
    ],
    ["Debian 13", release("debian", "13", "VERSION_CODENAME=trixie\n"), { archive: "main" }],
    ["Debian testing", 'PRETTY_NAME="Debian forky/sid"\nID=debian\n', { archive: "main" }],
    ["Debian 11", release("debian", "11"), none],
    ["Ubuntu 24.04", release("ubuntu", "24.04", "ID_LIKE=debian\n"), { archive: "main" }],
    ["Ubuntu 20.04", release("ubuntu", "20.04", "ID_LIKE=debian\n"), none],
    ["Mint", release("linuxmint", "22", 'ID_LIKE="ubuntu debian"\n'), { archive: "main" }],
    ["Fedora", release("fedora", "42"), none],
  ])("%s", (_name, osRelease, plan) => {
    expect(lavapipeArchive(osRelease)).toEqual(plan);
    expect(lavapipeAdvice(lavapipeArchive(osRelease))).toMatch(/install/);
  });
});

describe("packages are current", () => {
  const linux = { os: "linux", cpu: "x64", libc: "glibc" };
  const native = {
    version: "2.0.0",
    integrity: "sha512-n",
    optional: true,
    cpu: ["x64"],
    os: ["linux"],
  };
  const locked = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
      "node_modules/@b/linux-x64": { ...native, libc: ["glibc"] },
      "node_modules/@b/linux-musl": { ...native, libc: ["musl"] },
      "node_modules/@b/darwin-x64": { ...native, os: ["darwin"] },
      "node_modules/@b/wasm": { version: "2.0.0", optional: true },
    },
  };
  const { "node_modules/a": a, "node_modules/@b/linux-x64": b } = locked.packages;
  const check = (packages: object): string | null => firstStalePackage(locked, { packages }, linux);

  test("when all that this platform needs is there", () => {
    expect(check({ "node_modules/a": a, "node_modules/@b/linux-x64": b })).toBeNull();
  });
  test("not when one is missing, of another version or of other content", () => {
    expect(check({ "node_modules/@b/linux-x64": b })).toBe("a 1.0.0");
    expect(check({ "node_modules/a": { ...a, version: "1.0.1" } })).toBe("a 1.0.0");
    expect(check({ "node_modules/a": { ...a, integrity: "sha512-z" } })).toBe("a 1.0.0");
  });
  test("not when this platform's build of an optional one is missing", () => {
    expect(check({ "node_modules/a": a })).toBe("@b/linux-x64 2.0.0");
  });
});

describe("tar", () => {
  /** One entry: header with name, size, kind and checksum, then the padded content. */
  function entry(name: string, content: string, kind = "0"): Buffer {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(content.length.toString(8).padStart(11, "0"), 124);
    header.write("        ", 148);
    header.write(kind, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return Buffer.concat([header, body]);
  }
  const end = Buffer.alloc(1024);

  test("gives plain files whole and leaves out folders", () => {
    const long = "x".repeat(700);
    const bytes = Buffer.concat([
      entry("d/", "", "5"),
      entry("d/a", "hello"),
      entry("b", long),
      end,
    ]);
    const files: Map<string, Uint8Array> = readTar(bytes);
    expect([...files].map(([name, data]) => [name, Buffer.from(data).toString()])).toEqual([
      ["d/a", "hello"],
      ["b", long],
    ]);
  });
  test("refuses what is broken or cut short", () => {
    const whole = entry("a", "x".repeat(600));
    const broken = Buffer.from(whole);
    broken[3] = 65;
    expect(() => readTar(Buffer.concat([broken, end]))).toThrow("broken header at byte 0");
    expect(() => readTar(whole.subarray(0, 1024))).toThrow("a is cut short");
    expect(() => readTar(whole)).toThrow("no end");
  });
});

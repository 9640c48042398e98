// What people see of long work: one line on a terminal, plain lines elsewhere.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeOutput } from "../../../src/cli/terminal/output.ts";
import { cutToWidth, textWidth } from "../../../src/cli/terminal/text_width.ts";
import { clock, trainingProgress } from "../../../src/cli/terminal/training_progress.ts";
import type { Output } from "../../../src/cli/terminal/surroundings.ts";

beforeEach(() => {
  vi.stubEnv("TERM", "xterm");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function captured(
  isTTY: boolean,
  json = false,
  columns?: () => number,
): { out: Output; text: () => [string, string] } {
  const written = { stdout: "", stderr: "" };
  const out = makeOutput(
    {
      stdout: {
        write: (text) => (written.stdout += text),
        isTTY,
        get columns() {
          return columns?.();
        },
      },
      stderr: { write: (text) => (written.stderr += text), isTTY },
      openGpu: async () => await Promise.reject(new Error("no GPU here")),
    },
    json,
  );
  return { out, text: () => [written.stdout, written.stderr] };
}

test("on a terminal progress takes the place of the line before and makes room for others", () => {
  const { out, text } = captured(true);
  out.progress("one", false);
  out.progress("two", false);
  out.say("done");
  expect(text()).toEqual(["\r\u001b[Kone\r\u001b[Ktwo\r\u001b[Kdone\n", ""]);
});

test("progress is one line, however narrow the terminal is or becomes", () => {
  let columns = 20;
  const { out, text } = captured(true, false, () => columns);
  out.progress("step   7/600  loss 0.1234  1.00 rigs/s", false);
  columns = 12;
  out.progress("step   8/600  loss 0.1234  1.00 rigs/s", false);
  const lines = text()[0].split("\r\u001b[K").slice(1);
  expect(lines).toEqual(["step   7/600  loss\u2026", "step   8/6\u2026"]);
  expect(lines.map(textWidth)).toEqual([19, 11]);
});

test.each([
  ["日本語のカメラ", 14],
  ["한국 ｆｕｌｌ", 13],
  ["👩‍👩‍👧 🚗 ❤️ 🇩🇪", 11],
  ["e\u0301 ru\u0308ck \u200b", 7],
  ["ﾊﾝｶｸ", 4],
])("%s takes %i columns, and cut never takes more than there are", (text, width) => {
  expect(textWidth(text)).toBe(width);
  expect(cutToWidth(text, width)).toBe(text);
  for (let columns = 0; columns < width; columns++) {
    expect(textWidth(cutToWidth(text, columns))).toBeLessThanOrEqual(columns);
  }
});

test("a dumb terminal gets no escape sequence and no line a step", () => {
  vi.stubEnv("TERM", "dumb");
  const { out, text } = captured(true, false, () => 20);
  out.alert("software");
  out.progress("one", false);
  out.progress("two", true);
  out.say("done");
  expect(text()).toEqual(["software\ntwo\ndone\n", ""]);
});

test("control characters never reach the terminal, in no voice", () => {
  const { out, text } = captured(true);
  const evil = "a\u001b[2Jb\u0007\rc\u009b";
  out.say(evil);
  out.alert(evil);
  out.warn(evil);
  out.progress(evil, false);
  let shown = text().join("");
  for (const own of ["\r\u001b[K", "\u001b[31m", "\u001b[39m", "\n"])
    shown = shown.replaceAll(own, "");
  // oxlint-disable-next-line eslint/no-control-regex -- these are what is looked for
  expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});

test("an alert is red on a terminal that shows colours, and plain elsewhere", () => {
  vi.stubEnv("NO_COLOR", "");
  const [terminal, file] = [captured(true), captured(false)];
  vi.stubEnv("NO_COLOR", "1");
  const colourless = captured(true);
  for (const { out } of [terminal, file, colourless]) out.alert("software");
  expect(terminal.text()[0]).toBe("\u001b[31msoftware\u001b[39m\n");
  expect(file.text()[0]).toBe("software\n");
  expect(colourless.text()[0]).toBe("software\n");
});

test("JSON has a word for what is no number in it", () => {
  const { out, text } = captured(false, true);
  out.result({ worst: Infinity, none: Number.NaN, absent: null }, []);
  expect(JSON.parse(text()[0])).toEqual({ worst: "Infinity", none: "NaN", absent: null });
});

test("elsewhere only milestones are printed", () => {
  const { out, text } = captured(false);
  out.progress("one", false);
  out.progress("two", true);
  expect(text()).toEqual(["two\n", ""]);
});

test("with --json people's lines go to stderr", () => {
  const { out, text } = captured(false, true);
  out.say("hello");
  out.progress("half", true);
  out.result({ a: 1 }, ["never printed"]);
  expect(text()).toEqual(['{\n  "a": 1\n}\n', "hello\nhalf\n"]);
});

test("training shows step, loss, rate of the last steps and time left, about twenty times", () => {
  const { out, text } = captured(false);
  let now_ms = 0;
  const show = trainingProgress(out, 100, () => now_ms);
  for (let step = 1; step <= 100; step++) {
    now_ms += step === 1 ? 60_000 : 500; // The first step compiles.
    show({
      step,
      loss: 1,
      terms: {},
      learning_rate: 0,
      gradient_norm: 0,
      valid_pixels: 9,
      time_ms: 1,
    });
  }
  const lines = text()[0].trimEnd().split("\n");
  expect(lines).toHaveLength(20);
  expect(lines[9]).toBe("step  50/100  loss 1.0000  2.00 rigs/s  0:25 left");
  expect(lines[19]).toMatch(/^step 100\/100 .* done$/);
});

test("clock", () => {
  expect([0, 59.6, 61, 3725].map(clock)).toEqual(["0:00", "1:00", "1:01", "1:02:05"]);
});

test("names in JSON move no cursor and turn no text, and are read back as they are", () => {
  const { out, text } = captured(true, true);
  const camera = "a\u009b31m\u202egpj\u001b[2J\u2028\n\t\u007fé";
  out.result({ camera, [camera]: 1 }, []);
  const [stdout] = text();
  // oxlint-disable-next-line eslint/no-control-regex -- these are what is looked for
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
  expect(JSON.parse(stdout)).toEqual({ camera, [camera]: 1 });
});

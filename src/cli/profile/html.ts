// The page of a profile as a file, for `--html`.
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import type { ProfileReport } from "../../profile/page/page.ts";
import type { Output } from "../terminal/output.ts";

/** Writes the page of a profile where one is asked for. */
export async function writeProfilePage(
  output: Output,
  file: string | undefined,
  report: ProfileReport,
): Promise<void> {
  if (file === undefined) return;
  // What draws the charts takes longer to load than all else of a command.
  const { renderProfileReport } = await import("../../profile/page/page.ts");
  await writeFileAtomically(file, Buffer.from(renderProfileReport(report)));
  output.say(`report in ${file}`);
}

/** The command line as a shell reads it. */
export function commandLine(args: readonly string[]): string {
  const quoted = args.map((arg) =>
    /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ["ringdepth", ...quoted].join(" ");
}

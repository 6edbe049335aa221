/**
 * The form of a transcript: a title, then blocks of commands, a line of dashes and the expected
 * text. Blocks are separated by an empty line.
 */

export type Block = { readonly commands: readonly string[]; readonly expected: string };
export type Transcript = { readonly title: string; readonly blocks: readonly Block[] };

const divider = "----";

export function parseTranscript(text: string): Transcript {
  const paragraphs = text
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim().split("\n"))
    .filter((lines) => lines.join("") !== "");
  const title = (paragraphs[0] ?? []).filter((line) => line.startsWith("#"));
  return {
    title: title.map((line) => line.replace(/^#\s*/, "")).join(" "),
    blocks: paragraphs
      .map((lines) => lines.filter((line) => !line.startsWith("#")))
      .filter((lines) => lines.length > 0)
      .map(parseBlock),
  };
}

function parseBlock(lines: readonly string[]): Block {
  const at = lines.indexOf(divider);
  const commands = at < 0 ? lines : lines.slice(0, at);
  return {
    commands: commands.flatMap((line) => line.split(";")).map((command) => command.trim()),
    expected: at < 0 ? "" : lines.slice(at + 1).join("\n"),
  };
}

/** The same file with other expected texts; comments and commands stay as they are. */
export function rewriteTranscript(text: string, actual: readonly string[]): string {
  let block = 0;
  const paragraphs = text.trimEnd().split(/\n{2,}/);
  const rewritten = paragraphs.map((paragraph) => {
    const lines = paragraph.trim().split("\n");
    if (lines.every((line) => line.startsWith("#"))) return paragraph.trim();
    const at = lines.indexOf(divider);
    const head = at < 0 ? lines : lines.slice(0, at);
    const answer = actual[block] ?? "";
    block += 1;
    return [...head, divider, answer].join("\n");
  });
  return `${rewritten.join("\n\n")}\n`;
}

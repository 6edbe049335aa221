/**
 * JSON that came from outside: one text, or a stream with one value in each line.
 * Does not know what the values mean; whoever asked gives them a shape.
 * Tested in: test/daemon/guard-process.test.ts
 * JSON1  Nothing is kept beyond one line of bounded length; a longer one counts as unreadable.
 */
import type { Readable } from "node:stream";

const lineBytesMax = 256 * 1024;

/** Null when the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export type JsonLineEvents = {
  /** Null for a line that is no JSON or too long. */
  readonly onValue: (value: unknown) => void;
  /** Once: the other end was closed, or the stream failed. A last line without end is dropped. */
  readonly onEnd: () => void;
};

export function readJsonLines(stream: Readable, events: JsonLineEvents): void {
  let rest = "";
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    events.onEnd();
  };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) events.onValue(parseJson(line));
    if (rest.length <= lineBytesMax) return;
    rest = "";
    events.onValue(null);
  });
  for (const event of ["end", "close", "error"]) stream.on(event, end);
}

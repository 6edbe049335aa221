/**
 * Parses JSON from outside: one text, or a stream with one value in each line. The caller validates
 * the values with a shape.
 * Tested in: test/daemon/guard-process.test.ts
 * JSON1  At most one line of bounded length is kept; a longer line counts as unreadable.
 */
import type { Readable } from "node:stream";

const lineBytesMax = 256 * 1024;

/** Null when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export type JsonLineEvents = {
  /** Called for each line; null: it is not JSON, or too long. */
  readonly onValue: (value: unknown) => void;
  /** Called once at the end or failure of the stream. A last line without line feed is dropped. */
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

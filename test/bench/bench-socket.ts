/** Questions and answers between the benchmark and its programs: JSON lines on a UNIX socket. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

/** The same path on every host, since each has a /run of its own. */
export const benchSocket = "/run/bench.sock";

/** One question per connection, answered when the work is done. */
export function answerQuestions<Question>(answer: (question: Question) => Promise<unknown>): void {
  const server = createServer((connection) => {
    createInterface({ input: connection }).once("line", (line) => {
      void answer(JSON.parse(line)).then((reply) => connection.end(`${JSON.stringify(reply)}\n`));
    });
    connection.on("error", () => connection.destroy());
  });
  // A program that was killed before left its socket behind.
  rmSync(benchSocket, { force: true });
  server.listen(benchSocket);
}

/** Null when nobody answers. */
export async function ask<Reply>(root: string, question: unknown): Promise<Reply | null> {
  const connection = connect(`${root}${benchSocket}`);
  try {
    await once(connection, "connect");
    connection.write(`${JSON.stringify(question)}\n`);
    const [line] = await once(createInterface({ input: connection }), "line");
    return JSON.parse(String(line));
  } catch {
    return null;
  } finally {
    connection.destroy();
  }
}

/** The real control server with a fake backend on a socket of its own, gone when the test ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { type ControlLimits, controlLimits } from "../../src/control/control-limits.ts";
import { type ControlServer, startControlServer } from "../../src/control/control-server.ts";
import { FakeBackend } from "./fake-backend.ts";

export type Served = {
  readonly backend: FakeBackend;
  readonly socketPath: string;
  readonly server: ControlServer;
};

export async function serve(t: Test, limits: Partial<ControlLimits> = {}): Promise<Served> {
  const socketPath = temporarySocket(t);
  const backend = new FakeBackend();
  const started = await startControlServer({
    socketPath,
    backend,
    notice: (text) => t.comment(text),
    limits: { ...controlLimits, replyMs: 1000, ...limits },
  });
  if (!started.ok) throw new Error(JSON.stringify(started.problem));
  t.teardown(() => {
    backend.release();
    return started.value.close();
  });
  return { backend, socketPath, server: started.value };
}

/** A path in a new directory; short, since a socket path may have 107 bytes only. */
export function temporarySocket(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "control.sock");
}

/** Resolves once the condition holds; fails after ten seconds, naming what did not come. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

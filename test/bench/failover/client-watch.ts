/** The client of a service while it is measured: what it has noticed so far. */
import { readFileSync } from "node:fs";
import type { Child } from "../../netns/child.ts";
import type { TestNet } from "../../netns/test-net.ts";
import { wallMs } from "./failover-subject.ts";
import type { ServiceClient, Silence } from "./failover-work.ts";

/** It must have gone without trouble for so long before anything is done. */
const calmMs = 300;

export class ClientWatch {
  readonly #client: ServiceClient;
  readonly #child: Child;
  readonly #beganMs = wallMs();

  constructor(net: TestNet, client: ServiceClient) {
    this.#client = client;
    this.#child = net.spawnClient(client.argv);
  }

  /** It was served, and then without trouble for a while. */
  calm(): boolean {
    if (!this.#client.isServed(this.#printed())) return false;
    const lastMs = this.outages(0).at(-1)?.toMs ?? this.#beganMs;
    return wallMs() - lastMs > calmMs;
  }

  /** Those that ended since then, oldest first; wall clock. */
  outages(sinceMs: number): readonly Silence[] {
    const lines = this.#printed().filter((line) => line.startsWith("{"));
    const silences: readonly Silence[] = lines.map((line) => JSON.parse(line));
    return silences.filter((one) => one.toMs > sinceMs && this.#client.isOutage(one));
  }

  #printed(): readonly string[] {
    return readFileSync(this.#child.logFile, "utf8").split("\n").slice(0, -1);
  }
}

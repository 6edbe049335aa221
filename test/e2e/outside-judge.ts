/**
 * A judge from outside: who held the service address and whose broker was primary at each moment.
 * Knows nothing of what the daemons say; what it sees comes from outside-judge-thread.ts.
 */
import { Worker } from "node:worker_threads";
import type { Test } from "tap";
import { isReal } from "../broker/real-broker.ts";
import { brokerLogFile } from "../netns/node-files.ts";
import type { TestNet } from "../netns/test-net.ts";
import { type Sight, type Sighting, sharedMs, type Watched } from "./outside-judge-thread.ts";

export type Handover = {
  readonly what: "address" | "primary";
  readonly from: number;
  readonly to: number;
  /** From the last sight of the old one to the first of the new one. */
  readonly gapMs: number;
};

type Role = { readonly what: Handover["what"]; readonly of: (sight: Sight) => readonly number[] };

const roles: readonly Role[] = [
  { what: "address", of: ({ holders }) => holders },
  { what: "primary", of: ({ primaries }) => primaries },
];

export class OutsideJudge {
  readonly #sights: Sight[] = [];
  #worker: Worker | null = null;
  #count = { samples: 0, longestMs: 0, late: 0, atMs: 0 };

  start(net: TestNet, address: string): void {
    const nodes = net.nodes.map((node) => ({
      node,
      pid: net.viewPid(node),
      stateFile: net.path(node, "var/lib/qpidd/ha-state"),
      logFile: isReal ? net.path(node, brokerLogFile) : null,
    }));
    const watched: Watched = { address, nodes };
    const url = new URL("./outside-judge-thread.js", import.meta.url);
    this.#worker = new Worker(url);
    this.#worker.postMessage(watched);
    this.#worker.on("message", (sighting: Sighting) => {
      if (sighting.type === "sight") this.#sights.push(sighting);
      else this.#count = sighting;
    });
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  /** For later questions about what came after. */
  get nowMs(): number {
    return sharedMs();
  }

  /** Everything up to that moment has been seen. */
  sawUntil(momentMs: number): boolean {
    return this.#count.atMs > momentMs;
  }

  get samples(): number {
    return this.#count.samples;
  }

  /** How closely it has looked, in words. */
  get attention(): string {
    const { samples, longestMs, late } = this.#count;
    const longest = `longest time between two looks ${longestMs.toFixed(1)} ms`;
    return `${samples} looks, ${late} of them more than 5 ms after the one before, ${longest}`;
  }

  /** There were never two of a kind, and it has looked often enough to say so. */
  neverTwo(t: Test, samplesMin = 100): void {
    t.same(this.doubles(), []);
    t.ok(this.samples > samplesMin, `${this.samples} samples`);
    t.comment(this.attention);
  }

  /** Every moment with two of a kind, in words. */
  doubles(sinceMs = 0): readonly string[] {
    return this.#sights.flatMap((sight, index) =>
      roles.flatMap(({ what, of }) => {
        const found = of(sight);
        if (found.length < 2 || sight.atMs < sinceMs) return [];
        const lastedMs = this.#untilMs(index) - sight.atMs;
        return [`${what} on nodes ${found.join(", ")} for ${lastedMs.toFixed(1)} ms`];
      }),
    );
  }

  /** For how long there were two of a kind since then. */
  twoMs(sinceMs: number): number {
    return this.#sights.reduce((sumMs, sight, index) => {
      const lastedMs = this.#untilMs(index) - Math.max(sight.atMs, sinceMs);
      return isDouble(sight) && lastedMs > 0 ? sumMs + lastedMs : sumMs;
    }, 0);
  }

  /** There are two of a kind at this moment. */
  get twoNow(): boolean {
    const last = this.#sights.at(-1);
    return last !== undefined && isDouble(last);
  }

  handovers(sinceMs: number): readonly Handover[] {
    return roles.flatMap((role) => this.#handoversOf(role, sinceMs));
  }

  /** One line for people: what changed hands, and how long nobody had it. */
  gapsInWords(sinceMs: number): string {
    const words = this.handovers(sinceMs).map(
      ({ what, from, to, gapMs }) => `${what} ${from} to ${to} after ${gapMs.toFixed(0)} ms`,
    );
    return words.length === 0 ? "nothing changed hands" : words.join(", ");
  }

  /** Until when what was seen there lasted, as far as it is known. */
  #untilMs(index: number): number {
    const seenMs = this.#sights[index]?.atMs ?? 0;
    return this.#sights[index + 1]?.atMs ?? Math.max(seenMs, this.#count.atMs);
  }

  #handoversOf({ what, of }: Role, sinceMs: number): readonly Handover[] {
    const found: Handover[] = [];
    let last: { readonly node: number; readonly untilMs: number } | null = null;
    for (const [index, sight] of this.#sights.entries()) {
      const untilMs = this.#untilMs(index);
      const [node] = of(sight);
      if (node === undefined) continue;
      if (last !== null && last.node !== node && sight.atMs >= sinceMs) {
        found.push({ what, from: last.node, to: node, gapMs: sight.atMs - last.untilMs });
      }
      last = { node, untilMs };
    }
    return found;
  }
}

function isDouble(sight: Sight): boolean {
  return roles.some(({ of }) => of(sight).length > 1);
}

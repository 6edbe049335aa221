/**
 * Turns the seal's verdicts into notices, few enough that nobody can fill the log with them.
 * Tested in: test/ring-thread/heartbeats-and-stalls.test.ts
 * DROPS1  There is at most one notice for each cause in ten seconds, with the source of one frame.
 *     While the cause persists, its notices become rarer. The counters have the true numbers.
 */
import type { DropCause, SealVerdict } from "../io/ports.ts";
import type { RingNotice } from "../membership/ring-events.ts";
import { assertNever } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";

const quietMs = 10_000;
/** Often enough to be found by somebody who looks for the cause; about 150 lines a day. */
const quietMsMax = 600_000;

/** A late or repeated frame is no fault of the conf. */
const harmless: readonly DropCause[] = ["replay", "old-incarnation"];

/** What an operator can do about it; null: normal in a running cluster. */
const remedies: Readonly<Record<DropCause, string | null>> = {
  short: "too short: another program sends to the ring's port",
  magic: "not of this program: another program sends to the ring's port",
  "other-mode": "a peer has secauth set otherwise: it must be the same on all nodes",
  version: "a peer speaks another version of the envelope",
  kind: "unknown kind: a peer runs a newer version",
  "other-cluster": "another cluster shares address and port: give it another port",
  "own-copy": null,
  "unlisted-address": "from an address of no configured node",
  "unknown-node": "from a node id that is not configured",
  "address-mismatch": "from the address of another node: do the names resolve alike everywhere?",
  "too-many-strangers":
    "more frames of unknown senders than are looked into: a node with another key, or a flood",
  "old-incarnation":
    "from an earlier life of a node: late, or replayed; if it goes on, that node has lost its " +
    "state directory and its clock is behind: set the clock, then restart clusterd there",
  replay: "seen before: duplicated by the network, or replayed",
  authentication: "not authentic: is the key file the same on all nodes?",
  unproven: null,
  contested: null,
  "hello-malformed": "malformed hello: a peer runs another version",
};

export class FrameDropLog {
  readonly #notice: (notice: RingNotice) => void;
  readonly #said = new Map<string, { readonly atMs: Ms; readonly quietMs: number }>();

  constructor(notice: (notice: RingNotice) => void) {
    this.#notice = notice;
  }

  note(
    verdict: Exclude<SealVerdict, { readonly type: "opened" }>,
    { address, nowMs }: { readonly address: string; readonly nowMs: Ms },
  ): void {
    switch (verdict.type) {
      case "dropped": {
        const remedy = remedies[verdict.cause];
        if (remedy === null || !this.#due(verdict.cause, nowMs)) return;
        const text = `frames from ${address} dropped (${verdict.cause}): ${remedy}`;
        const level = harmless.includes(verdict.cause) ? "notice" : "warning";
        this.#notice({ level, text });
        return;
      }
      case "hello":
        if (verdict.proven === null) return;
        this.#notice({
          level: "info",
          text: `node ${verdict.from} proved to be alive, incarnation ${verdict.proven}`,
        });
        return;
      case "duplicate-node":
        if (!this.#due(verdict.type, nowMs)) return;
        this.#notice({
          level: "err",
          text: `a later process at ${verdict.address} uses this node's id; it is expected to stop`,
        });
        return;
      default:
        assertNever(verdict);
    }
  }

  #due(what: string, nowMs: Ms): boolean {
    const said = this.#said.get(what);
    const passedMs = said === undefined ? Number.POSITIVE_INFINITY : nowMs - said.atMs;
    if (said !== undefined && passedMs < said.quietMs) return false;
    const goesOn = said !== undefined && passedMs < 4 * said.quietMs;
    const next = goesOn ? Math.min(2 * said.quietMs, quietMsMax) : quietMs;
    this.#said.set(what, { atMs: nowMs, quietMs: next });
    return true;
  }
}

/**
 * Tests the transport: whether multicasts arrive, and whether frames can be sent at all.
 * Source: corosync exec/main.c warns in general words when no ring can be formed; switches that
 * snoop IGMP without a querier are the usual cause.
 * TRANSPORT1  A node is reported as silent only if it was heard by unicast: a node that is off is
 *     no fault.
 * TRANSPORT2  Each fault is reported once, and once more when it is over; send errors at most once
 *     in ten seconds.
 */
import type { RingNotice } from "../membership/ring-events.ts";
import type { NodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";

/** Longer than a busy start of several nodes takes. */
const patienceMs = 3000;
const quietMs = 10_000;
const failurePrefix = "send-failed-";
const remedy = 'check firewalls and IGMP snooping (is there a querier?), or set transport="udpu"';

export type TransportWatchOptions = {
  /** Null: nothing is sent by multicast. */
  readonly group: string | null;
  readonly others: readonly NodeId[];
};

type Peer = {
  unicastSinceMs: Ms | null;
  arrives: boolean;
  accused: boolean;
};

export type WatchStep = {
  readonly notices: readonly RingNotice[];
  /** Nodes that must be probed by unicast, since nothing from them arrives by multicast. */
  readonly probe: readonly NodeId[];
};

export class TransportWatch {
  readonly #group: string | null;
  readonly #peers: ReadonlyMap<NodeId, Peer>;
  #sent = false;
  #sentSinceMs: Ms | null = null;
  #returns = false;
  #accusedSelf = false;
  #failures = 0;
  #failuresToldMs = Number.NEGATIVE_INFINITY;

  constructor({ group, others }: TransportWatchOptions) {
    this.#group = group;
    this.#peers = new Map(
      others.map((node) => [node, { unicastSinceMs: null, arrives: false, accused: false }]),
    );
  }

  /** A multicast was sent. */
  sent(): void {
    this.#sent = true;
  }

  /** A multicast of our own came back. */
  returned(): void {
    this.#returns = true;
  }

  /** An authentic frame arrived, by the group or to our own address. */
  heard(from: NodeId, source: { readonly byGroup: boolean; readonly nowMs: Ms }): void {
    const peer = this.#peers.get(from);
    if (peer === undefined) return;
    if (source.byGroup) peer.arrives = true;
    else peer.unicastSinceMs ??= source.nowMs;
  }

  /** Called about once a second; `counters` are those of the transport. */
  step(nowMs: Ms, counters: Readonly<Record<string, number>>): WatchStep {
    if (this.#sent) this.#sentSinceMs ??= nowMs;
    const notices = [...this.#sendFailures(nowMs, counters), ...this.#own(nowMs)];
    const probe: NodeId[] = [];
    if (this.#group === null) return { notices, probe };
    for (const [node, peer] of this.#peers) {
      notices.push(...this.#judge(node, peer, nowMs));
      if (!peer.arrives && isOld(this.#sentSinceMs, nowMs)) probe.push(node);
    }
    return { notices, probe };
  }

  #judge(node: NodeId, peer: Peer, nowMs: Ms): readonly RingNotice[] {
    if (peer.arrives && peer.accused) {
      peer.accused = false;
      return [{ level: "notice", text: `multicasts of node ${node} arrive now` }];
    }
    if (peer.arrives || peer.accused || !isOld(peer.unicastSinceMs, nowMs)) return [];
    peer.accused = true;
    const text = `node ${node} is heard by unicast, its multicasts to ${this.#group} do not arrive`;
    return [{ level: "warning", text: `${text}: ${remedy}` }];
  }

  #own(nowMs: Ms): readonly RingNotice[] {
    if (this.#group === null) return [];
    if (this.#returns && this.#accusedSelf) {
      this.#accusedSelf = false;
      return [{ level: "notice", text: "our own multicasts come back now" }];
    }
    if (this.#returns || this.#accusedSelf || !isOld(this.#sentSinceMs, nowMs)) return [];
    this.#accusedSelf = true;
    const text = `our own multicasts to ${this.#group} do not come back`;
    return [{ level: "warning", text: `${text}: ${remedy}` }];
  }

  #sendFailures(nowMs: Ms, counters: Readonly<Record<string, number>>): readonly RingNotice[] {
    const failed = Object.entries(counters).filter(([name]) => name.startsWith(failurePrefix));
    const failures = failed.reduce((sum, [, count]) => sum + count, 0);
    const risen = failures - this.#failures;
    if (risen === 0 || nowMs - this.#failuresToldMs < quietMs) return [];
    this.#failures = failures;
    this.#failuresToldMs = nowMs;
    const codes = failed.map(([name]) => name.slice(failurePrefix.length)).join(", ");
    const text = `${risen} frames could not be sent (${codes})`;
    const hint = "is the ring's interface up, with a route to the nodes?";
    return [{ level: "warning", text: `${text}: ${hint}` }];
  }
}

function isOld(sinceMs: Ms | null, nowMs: Ms): boolean {
  return sinceMs !== null && nowMs - sinceMs >= patienceMs;
}

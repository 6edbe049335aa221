/**
 * The omniscient observer: sees all nodes at once while a run goes on, and notes what no trace of
 * a single life can show. Judges snapshots and the wire, not the machine's code.
 */
import type { RingSnapshot } from "../../src/membership/ring-events.ts";
import { formatRing, type RingId } from "../../src/model/ids.ts";

/** What a ring may hold of one configuration; a limit of its own, not that of the code. */
const heldMessagesMax = 16_384;
/** What both lanes together may hold. */
const queuedBytesMax = 2 * (4 << 20);
const rtrEntriesMax = 30;
/** MTU 1500 less the headers of IPv4 and UDP. */
const datagramBytesMax = 1500 - 28;

export class RingObserver {
  readonly found: string[] = [];
  /** Largest retransmit list seen on a token. */
  rtrMax = 0;
  readonly #tokens = new Map<string, Set<number>>();

  note(breach: string): void {
    // One cause is noticed again and again: the first notices tell it.
    if (this.found.length < 20) this.found.push(breach);
  }

  /** I11: every hop of a token has one number, and only one node takes it. */
  tokenAccepted(node: number, token: { readonly ring: RingId; readonly tokenSeq: number }): void {
    const ring = formatRing(token.ring);
    const taken = this.#tokens.get(ring) ?? new Set();
    this.#tokens.set(ring, taken);
    const { tokenSeq } = token;
    if (taken.has(tokenSeq))
      this.note(`I11: node ${node} takes token ${tokenSeq} of ${ring} again`);
    taken.add(tokenSeq);
  }

  /** I17: what is sent fits its frame and its list. */
  tokenSent(entries: number): void {
    this.rtrMax = Math.max(this.rtrMax, entries);
    if (entries > rtrEntriesMax) this.note(`I17: ${entries} entries to retransmit on a token`);
  }

  datagramSent(bytes: number): void {
    if (bytes > datagramBytesMax) this.note(`I17: a datagram of ${bytes} bytes does not fit`);
  }

  /** I10: a ring begins without a gap. */
  installed(node: number, view: RingSnapshot): void {
    const { aru = 0, "high seq": high = 0 } = view.counters;
    if (aru !== high) this.note(`I10: node ${node} installs with aru ${aru} below ${high}`);
  }

  /** I10: nobody has released what a member of the same ring still lacks; I17: limits are kept. */
  look(views: readonly RingSnapshot[]): void {
    const arus = new Map<string, number>();
    for (const { ring, counters } of views) {
      if ((counters["held messages"] ?? 0) > heldMessagesMax) this.note("I17: too many messages");
      if ((counters["queued bytes"] ?? 0) > queuedBytesMax) this.note("I17: too many bytes wait");
      if (ring === null) continue;
      const key = formatRing(ring);
      arus.set(key, Math.min(arus.get(key) ?? Number.POSITIVE_INFINITY, counters["aru"] ?? 0));
    }
    for (const { ring, counters } of views) {
      const lowest = ring === null ? undefined : arus.get(formatRing(ring));
      const released = counters["released seq"] ?? 0;
      if (lowest !== undefined && released > lowest) {
        this.note(`I10: released ${released} while a member has only ${lowest}`);
      }
    }
  }
}

/**
 * One visit of the token: retransmit, request, flow control, aru. Pure functions of the token and
 * of what this node remembers from the visit before.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c: message_handler_orf_token.
 * Deviations: a duplicate token releases and counts nothing; the share of a node depends on its
 * present backlog; subtraction is clamped at zero.
 * TOKEN1  A message is released only when the aru of two accepted tokens in a row has passed it.
 * TOKEN2  The token sequence rises by one per hop; a token not above the last one is a duplicate.
 * TOKEN3  If no retransmission was requested at the last hundred visits of any member, all may send
 *     twice as much, unless the window is configured.
 */
import type { NodeId } from "../model/ids.ts";
import { retransmitWindow, type SortQueue } from "./sort-queue.ts";
import { type McastMessage, rtrMax, type TokenMessage } from "./wire.ts";

/** What a node remembers of one ring from one visit to the next. */
export type VisitMemory = {
  /** Sequence of the last accepted token; -1 before the first. */
  readonly tokenSeq: number;
  /** The aru on the last accepted token, and on the one before. */
  readonly lastAru: number;
  readonly aruBefore: number;
  readonly lastSeq: number;
  /** Visits in a row in which no new message was ordered. */
  readonly unchanged: number;
  /** What this node has added to the token's flow control count and backlog. */
  readonly sent: number;
  readonly backlog: number;
  /** The token's seq at the last visits, oldest first; as many as a message must be missing for. */
  readonly recentSeqs: readonly number[];
};

export const firstVisit: VisitMemory = {
  tokenSeq: -1,
  lastAru: 0,
  aruBefore: 0,
  lastSeq: 0,
  unchanged: 0,
  sent: 0,
  backlog: 0,
  recentSeqs: [],
};

type FlowLimits = {
  readonly windowFrames: number;
  readonly maxFramesPerVisit: number;
  readonly widens: boolean;
  readonly missCountVisits: number;
};

const calmVisitsMin = 100;
const calmFactor = 2;

/** The limits while the network loses nothing (TOKEN3). */
export function calmLimits<Limits extends FlowLimits>(limits: Limits): Limits {
  if (!limits.widens) return limits;
  const windowFrames = limits.windowFrames * calmFactor;
  return { ...limits, windowFrames, maxFramesPerVisit: limits.maxFramesPerVisit * calmFactor };
}

/** Whether the network has lost nothing for a hundred visits (TOKEN3). */
export function isCalm(token: Pick<TokenMessage, "calm" | "rtr">): boolean {
  return token.calm >= calmVisitsMin && token.rtr.length === 0;
}

/** Every member holds the messages up to this one, by the aru of two tokens in a row. */
export function safeUpTo(memory: VisitMemory): number {
  return Math.min(memory.lastAru, memory.aruBefore);
}

/** The memory after a token was accepted and before anything is sent. */
export function acceptToken(memory: VisitMemory, token: TokenMessage, visits: number): VisitMemory {
  return {
    ...memory,
    tokenSeq: token.tokenSeq,
    aruBefore: memory.lastAru,
    lastAru: token.aru,
    unchanged: token.seq === memory.lastSeq ? memory.unchanged + 1 : 0,
    lastSeq: token.seq,
    recentSeqs: [...memory.recentSeqs, token.seq].slice(-visits),
  };
}

/** How many frames may be sent at this visit, including retransmissions. */
export function allowedFrames(
  memory: VisitMemory,
  token: Pick<TokenMessage, "fcc" | "backlog">,
  flow: { readonly backlog: number; readonly limits: FlowLimits },
): number {
  const { limits, backlog } = flow;
  const room = Math.max(0, limits.windowFrames - token.fcc);
  const allowed = Math.min(limits.maxFramesPerVisit, room);
  const demand = token.backlog + backlog - memory.backlog;
  if (demand <= 0) return allowed;
  const share = Math.floor((limits.windowFrames * backlog) / demand);
  return share > 0 ? Math.min(allowed, share) : allowed;
}

/** The retransmissions to send, the remaining list, and how many new messages may follow. */
type Service = {
  readonly retransmit: readonly McastMessage[];
  readonly rtr: readonly number[];
  readonly originate: number;
};

/** Serves the retransmit list, and adds the messages that this node misses. */
export function serveRetransmits(
  token: TokenMessage,
  queue: SortQueue,
  visit: { readonly memory: VisitMemory; readonly allowed: number; readonly limits: FlowLimits },
): Service {
  const retransmit: McastMessage[] = [];
  const rtr: number[] = [];
  for (const seq of token.rtr) {
    const message = retransmit.length < visit.allowed ? queue.find(seq) : null;
    if (message !== null) retransmit.push(message);
    else if (seq > queue.released && seq <= token.seq) rtr.push(seq);
  }
  addMisses(rtr, queue, missedSince(visit.memory, visit.limits.missCountVisits));
  const allowed = visit.allowed - retransmit.length;
  const windowEnd = queue.released + retransmitWindow - allowed - visit.limits.windowFrames;
  return { retransmit, rtr, originate: windowEnd < token.seq ? 0 : allowed };
}

/** The seq of the token `visits` visits ago: what is not held up to it is missed; 0: too early. */
function missedSince(memory: VisitMemory, visits: number): number {
  return memory.recentSeqs.length < visits ? 0 : (memory.recentSeqs[0] ?? 0);
}

function addMisses(rtr: number[], queue: SortQueue, upTo: number): void {
  for (let seq = queue.aru + 1; seq <= upTo && rtr.length < rtrMax; seq += 1) {
    if (!queue.has(seq) && !rtr.includes(seq)) rtr.push(seq);
  }
}

/** What was done at this visit; `aru` is this node's after its own new messages. */
type Visit = {
  readonly self: NodeId;
  readonly aru: number;
  readonly seq: number;
  readonly rtr: readonly number[];
  readonly sent: number;
  readonly backlog: number;
};

/** The token to pass on, and the memory for the next visit. */
export function closeVisit(
  token: TokenMessage,
  memory: VisitMemory,
  visit: Visit,
): { readonly token: TokenMessage; readonly memory: VisitMemory } {
  const { self, aru, seq } = visit;
  const mine = aru < token.aru || token.aruNode === self || token.aruNode === null;
  const passed: TokenMessage = {
    ...token,
    tokenSeq: token.tokenSeq + 1,
    seq,
    aru: mine ? aru : token.aru,
    aruNode: mine ? (aru === seq ? null : self) : token.aruNode,
    fcc: Math.max(0, token.fcc + visit.sent - memory.sent),
    backlog: Math.max(0, token.backlog + visit.backlog - memory.backlog),
    rtr: visit.rtr,
    calm: token.rtr.length + visit.rtr.length > 0 ? 0 : Math.min(token.calm + 1, calmVisitsMin),
  };
  return { token: passed, memory: { ...memory, sent: visit.sent, backlog: visit.backlog } };
}

/**
 * The quorum engine: it decides from the reports that the members give in a state exchange whether
 * they are quorate, and says why.
 * Source: cman commands.c: set_quorate; votequorum(5): wait_for_all, auto_tie_breaker,
 * last_man_standing.
 * Deviation: a node remembers the last quorate membership it was in; see last-quorate.ts.
 * Q1  Two components of one configuration never both reach quorum, unless two_node says so.
 * Q2  The quorum in force never decreases because members are gone, unless they left to be removed,
 *     the window of last_man_standing has passed, or an operator orders it.
 * Q3  A verdict is a function of the reports: all members of an exchange come to the same one.
 *
 *   inquorate ──votes ≥ quorum, or the tie decided, all seen if wait_for_all──► quorate
 *       ▲                                                                          │
 *       └──────── votes < quorum, and no tie decided; or others may go on ─────────┘
 */
import type { NodeConf, QuorumConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import type {
  DoubtfulRing,
  QuorateMembership,
  QuorumDemand,
  QuorumMemory,
} from "../model/quorate-membership.ts";
import {
  type Component,
  latestMembership,
  mayBeQuorateElsewhere,
  tieNode,
  winsTie,
} from "./last-quorate.ts";
import type { QuorumChange, QuorumReport } from "./quorum-messages.ts";
import { quorumOf } from "./votes.ts";

export type QuorumVerdict = {
  readonly quorate: boolean;
  readonly votes: number;
  readonly expectedVotes: number;
  readonly quorum: number;
  /** The votes that led to the verdict, in words. */
  readonly reason: string;
};

export class Quorum {
  readonly #conf: QuorumConf;
  readonly #nodes: readonly NodeConf[];
  readonly #votes: Map<NodeId, number>;
  #quorum: number;
  /** The highest number of votes that any member expects. */
  #expected: number;
  #present: ReadonlySet<NodeId> = new Set();
  #waitsForAll: boolean;
  #waitCancelled = false;
  #last: QuorateMembership | null;
  #doubts: readonly DoubtfulRing[];
  #verdict: QuorumVerdict;

  /** `memory`: what an earlier life of this process remembered. */
  constructor(conf: QuorumConf, nodes: readonly NodeConf[], memory: QuorumMemory | null = null) {
    this.#last = memory?.last ?? null;
    this.#doubts = memory?.doubts ?? [];
    invariant(!conf.twoNode || nodes.length === 2, "Q1: two_node with other than two nodes");
    this.#conf = conf;
    this.#nodes = nodes;
    this.#votes = new Map(nodes.map(({ id, votes }) => [id, votes]));
    this.#waitsForAll = conf.waitForAll;
    this.#expected = conf.expectedVotes;
    this.#quorum = this.#quorumFor({ total: 0, expected: conf.expectedVotes, previousQuorum: 0 });
    this.#verdict = this.#judge(false, "no ring yet");
  }

  /** All members of a ring have exchanged their reports; returns the new verdict. */
  step(reports: readonly QuorumReport[], ring: number): QuorumVerdict {
    for (const { node, votes } of reports) this.#votes.set(node, votes);
    const last = latestMembership(reports.map((report) => report.last));
    const deciding = this.#deciding(reports);
    this.#setTerms(deciding, last);
    const decided = this.#count(deciding, last);
    this.#setTerms(reports, last);
    const waits =
      this.#conf.waitForAll &&
      this.#total < this.#expected &&
      !reports.some((report) => report.quorate && !report.waitsForAll);
    const joined = deciding.length < reports.length;
    const quorate = !waits && decided.quorate && (!joined || this.#total >= this.#quorum);
    const reason = waits
      ? `waiting for all: not seen ${this.#absentNames()}`
      : [this.#sum(), ...decided.why].join("; ");
    this.#waitsForAll = this.#conf.waitForAll && !quorate;
    this.#waitCancelled = false;
    if (quorate) this.#remember(ring, this.#demands(last));
    this.#verdict = this.#judge(quorate, reason);
    return this.#verdict;
  }

  /**
   * The member leaves for good: fewer votes are expected from now on, and the quorum may fall. The
   * verdict changes with the next configuration; before that its votes are counted as they were.
   */
  remove(node: NodeId): void {
    const rest = new Set([...this.#present].filter((one) => one !== node));
    if (rest.size === this.#present.size) return;
    this.#present = rest;
    this.#expected -= this.#votes.get(node) ?? 0;
    const { expected } = this;
    this.#quorum = this.#quorumFor({ total: this.#total, expected, previousQuorum: 0 });
    if (this.#last === null) return;
    const without = (members: QuorateMembership["members"]) =>
      members.filter((member) => member.node !== node);
    const [demand] = this.#last.demands;
    const electors = demand?.members ?? this.#nodes.map(({ id }) => this.#withVotes(id));
    this.#last = {
      ...this.#last,
      members: without(this.#last.members),
      expected,
      quorum: this.#quorum,
      demands: [{ members: without(electors), quorum: this.#quorum }],
    };
  }

  /** Why the change is refused, in words; null: the votes allow it. */
  refusal(change: QuorumChange): string | null {
    const total = this.#total;
    switch (change.type) {
      case "expected": {
        if (this.#conf.twoNode) return "with two_node one vote is enough";
        if (change.expected < total) {
          return `${total} votes are present, fewer cannot be expected; use leave remove instead`;
        }
        const quorum = this.#quorumFor({ ...change, total, previousQuorum: 0 });
        if (quorum <= total) return null;
        return `quorum would be ${quorum}, only ${total} votes are present`;
      }
      case "votes":
        return this.#refusalOfVotes(change);
      case "cancel-wait":
        return this.#waitsForAll ? null : "this node does not wait for all nodes";
      default:
        return assertNever(change);
    }
  }

  /** The change is proposed: from now on other members may act by its terms. */
  propose(change: QuorumChange): void {
    if (change.type === "expected") {
      const { expected } = change;
      const quorum = this.#quorumFor({ total: this.#total, expected, previousQuorum: 0 });
      if (this.#last === null) return;
      const demand = { members: this.#presentVotes, quorum };
      this.#last = {
        ...this.#last,
        demands: [...this.#last.demands, demand],
        expected: Math.min(expected, this.#last.expected),
        quorum: Math.min(quorum, this.#last.quorum),
        quorumMost: Math.max(quorum, this.#last.quorumMost),
      };
    } else if (change.type === "votes") {
      // No node has more votes before every node needs more.
      const more = Math.max(0, change.votes - this.votesOf(change.node));
      this.#expected += more;
      const { expected } = this;
      const total = this.#total + more;
      this.#quorum = this.#quorumFor({ total, expected, previousQuorum: this.#quorum });
      this.#verdict = { ...this.#verdict, expectedVotes: expected, quorum: this.#quorum };
    }
  }

  /** The change is in force. Only the next `step` can make inquorate members quorate. */
  agree(change: QuorumChange, ring: number): void {
    if (change.type === "votes") {
      this.#votes.set(change.node, change.votes);
    } else {
      this.#waitCancelled = true;
      this.#waitsForAll = false;
    }
    if (change.type === "expected") {
      this.#expected = change.expected;
      this.#quorum = this.#quorumFor({ ...change, total: this.#total, previousQuorum: 0 });
      // A later component has to outvote who is present now, whatever was remembered before.
      const lowered = change.expected < this.#conf.expectedVotes;
      const demand = { members: this.#presentVotes, quorum: this.#quorum };
      this.#remember(ring, lowered ? [demand] : []);
    } else if (this.#verdict.quorate) {
      this.#remember(ring, this.#last?.demands ?? []);
    }
    if (this.#verdict.quorate) this.#verdict = this.#judge(true, this.#sum());
  }

  /** The votes that last_man_standing would expect now; null: what is expected stays the same. */
  get lastManStandingVotes(): number | null {
    const { quorate } = this.#verdict;
    const { lastManStandingMs, tieBreaker } = this.#conf;
    const total = this.#total;
    if (lastManStandingMs === null || !quorate || total >= this.#expected) return null;
    return total >= 2 || tieBreaker !== null ? total : null;
  }

  /** What this node says of itself in the next state exchange. */
  report(node: NodeId, quorateBefore: boolean): QuorumReport {
    return {
      node,
      votes: this.votesOf(node),
      quorum: this.#quorum,
      expected: this.#expected,
      waitsForAll: this.#waitsForAll,
      quorate: quorateBefore || this.#waitCancelled,
      ...this.memory,
    };
  }

  get memory(): QuorumMemory {
    const last = this.#last;
    return { last, doubts: this.#doubts.filter(({ ring }) => last !== null && ring > last.ring) };
  }

  /** A life ends, and with it what was received in this ring and not delivered. */
  doubt(ring: DoubtfulRing): void {
    this.#doubts = [...this.memory.doubts, ring];
  }

  snapshot(): QuorumVerdict {
    return this.#verdict;
  }

  get waitsForAll(): boolean {
    return this.#waitsForAll;
  }

  get expected(): number {
    return this.#expected;
  }

  votesOf(node: NodeId): number {
    return this.#votes.get(node) ?? 0;
  }

  /** The votes that are expected and needed now, in words. */
  terms(): string {
    return `${this.#expected} votes are expected, quorum is ${this.#quorum}`;
  }

  /** The expected votes and the quorum, by what all reports say. */
  #setTerms(reports: readonly QuorumReport[], last: QuorateMembership | null): void {
    this.#present = new Set(reports.map((report) => report.node));
    const settled = reports.filter((report) => report.quorate && !report.waitsForAll);
    // With last_man_standing a node that joins a quorate component expects its votes, and its own.
    const overridden = this.#conf.lastManStandingMs !== null && settled.length > 0;
    const heard = overridden ? settled : reports;
    const electors = overridden ? (last?.demands ?? []).flatMap(({ members }) => members) : [];
    const nodes = new Set(electors.map(({ node }) => node));
    for (const node of electors.length > 0 ? this.#present : []) nodes.add(node);
    const least = [...nodes].reduce((sum, node) => sum + this.votesOf(node), 0);
    this.#expected = Math.max(least, ...heard.map((report) => report.expected));
    this.#quorum = this.#quorumFor({
      total: this.#total,
      expected: this.#expected,
      previousQuorum: Math.max(overridden ? 0 : this.#quorum, ...heard.map(({ quorum }) => quorum)),
    });
  }

  /** What a component of the nodes that are quorate now will need to be quorate. */
  #demands(last: QuorateMembership | null): readonly QuorumDemand[] {
    if (last === null || this.#expected >= this.#conf.expectedVotes) return [];
    if (this.#conf.lastManStandingMs === null || last.demands.length === 0) return last.demands;
    const nodes = new Set(last.demands.flatMap(({ members }) => members.map(({ node }) => node)));
    for (const node of this.#present) nodes.add(node);
    return [{ members: [...nodes].map((node) => this.#withVotes(node)), quorum: this.#quorum }];
  }

  /**
   * The reports that count. Where less than a majority of all may decide, a node that has just
   * started does not: other members of its former membership may be quorate without it. Where all
   * nodes are present there are no others.
   */
  #deciding(reports: readonly QuorumReport[]): readonly QuorumReport[] {
    if (!this.#dynamic || reports.length === this.#nodes.length) return reports;
    const deciding = reports.filter(
      ({ last, quorate, waitsForAll }) => last !== null || (quorate && !waitsForAll),
    );
    return deciding.length === 0 ? reports : deciding;
  }

  #count(
    reports: readonly QuorumReport[],
    last: QuorateMembership | null,
  ): { readonly quorate: boolean; readonly why: readonly string[] } {
    const { tieBreaker, twoNode, waitForAll } = this.#conf;
    // Without wait_for_all a node decides that starts alone and remembers nothing.
    const tie = tieBreaker === null ? null : tieNode(tieBreaker, waitForAll ? last : null);
    const half = Math.floor(this.#expected / 2);
    const tied = tie !== null && half > 0 && this.#total === half;
    const enough = this.#total >= this.#quorum;
    if (tied && !enough && !this.#present.has(tie)) {
      return { quorate: false, why: [`the tie is decided against these by ${this.#name(tie)}`] };
    }
    if (!enough && !tied) return { quorate: false, why: [] };
    const component = last === null || twoNode ? null : this.#component(reports, last, tie);
    const alone =
      last === null ||
      component === null ||
      (enough ? !mayBeQuorateElsewhere(last, component) : winsTie(last, component));
    if (!alone) {
      const why = "others of the last quorate membership may go on without these";
      return { quorate: false, why: [why] };
    }
    if (enough || tie === null) return { quorate: true, why: [] };
    return { quorate: true, why: [`the tie is decided for these by ${this.#name(tie)}`] };
  }

  #component(
    reports: readonly QuorumReport[],
    last: QuorateMembership,
    tie: NodeId | null,
  ): Component {
    const present = this.#present;
    const knowing = reports.filter((report) => report.last?.ring === last.ring);
    // Where majorities of all votes decide it does not matter what a restarted node has forgotten.
    const remembering = this.#dynamic ? new Set(knowing.map((report) => report.node)) : present;
    const votesAbsent = [...this.#votes]
      .filter(([node]) => !present.has(node))
      .reduce((sum, [, votes]) => sum + votes, 0);
    return { remembering, votesAbsent, tie };
  }

  #refusalOfVotes(change: Extract<QuorumChange, { readonly type: "votes" }>): string | null {
    const more = change.votes - this.votesOf(change.node);
    if (!this.#present.has(change.node)) return "it is no member";
    if (this.#conf.twoNode) return "with two_node each node has one vote";
    if (this.#conf.lastManStandingMs !== null) {
      return "with last_man_standing each node has one vote";
    }
    if (more > 0 && !this.#conf.waitForAll) {
      return "a node that starts alone counts by its file; set wait_for_all, or change the file";
    }
    const expected = this.#expected + Math.max(0, more);
    const total = this.#total + more;
    const quorum = this.#quorumFor({ total, expected, previousQuorum: this.#quorum });
    return quorum > total ? `quorum would be ${quorum}, of ${total} votes that are present` : null;
  }

  get #dynamic(): boolean {
    const { tieBreaker, lastManStandingMs, waitForAll } = this.#conf;
    return waitForAll && (tieBreaker !== null || lastManStandingMs !== null);
  }

  #remember(ring: number, demands: readonly QuorumDemand[]): void {
    const terms = { expected: this.#expected, quorum: this.#quorum, quorumMost: this.#quorum };
    this.#last = { ring, members: this.#presentVotes, ...terms, demands };
  }

  get #presentVotes(): QuorateMembership["members"] {
    return [...this.#present].map((node) => this.#withVotes(node));
  }

  #withVotes(node: NodeId): QuorateMembership["members"][number] {
    return { node, votes: this.votesOf(node) };
  }

  get #total(): number {
    return [...this.#present].reduce((sum, node) => sum + this.votesOf(node), 0);
  }

  #quorumFor(sum: {
    readonly total: number;
    readonly expected: number;
    readonly previousQuorum: number;
  }): number {
    const { total, expected, previousQuorum } = sum;
    return quorumOf({ total, expected, previousQuorum, twoNode: this.#conf.twoNode });
  }

  #sum(): string {
    const sum = `votes ${this.#total} of ${this.#expected} expected, quorum ${this.#quorum}`;
    const absent = this.#absentNames();
    return absent === "" ? sum : `${sum}: absent ${absent}`;
  }

  #absentNames(): string {
    const absent = this.#nodes.filter((node) => !this.#present.has(node.id));
    return absent.map((node) => node.name).join(", ");
  }

  #name(node: NodeId): string {
    return this.#nodes.find((one) => one.id === node)?.name ?? `node ${node}`;
  }

  #judge(quorate: boolean, reason: string): QuorumVerdict {
    return {
      quorate,
      votes: this.#total,
      expectedVotes: this.#expected,
      quorum: this.#quorum,
      reason,
    };
  }
}

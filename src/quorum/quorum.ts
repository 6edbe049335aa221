/**
 * The quorum engine: from the members of a configuration to quorate or inquorate, and why.
 * Does not know rings, services, fencing; members arrive after their state exchange.
 * Source: cman commands.c: set_quorate; votequorum(5): wait_for_all.
 * Q1  Two components of one configuration never both reach quorum, unless two_node says so.
 * Q2  The quorum in force never decreases by members leaving, unless they leave to be removed.
 *
 *   inquorate ──votes ≥ quorum, all seen if wait_for_all──► quorate ──votes < quorum──► inquorate
 */
import type { NodeConf, QuorumConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { quorumOf } from "./votes.ts";

/** What a member says about itself in the state exchange. */
export type QuorumVoice = {
  readonly node: NodeId;
  /** The quorum this member had in force. */
  readonly quorum: number;
  /** Votes it expects: those of its file, less those of nodes that were removed since. */
  readonly expected: number;
  /** It waits until all nodes were seen together once. */
  readonly waitsForAll: boolean;
  readonly quorate: boolean;
};

export type QuorumVerdict = {
  readonly quorate: boolean;
  readonly votes: number;
  readonly expectedVotes: number;
  readonly quorum: number;
  /** The sum that led to the state, in words. */
  readonly reason: string;
};

export class Quorum {
  readonly #conf: QuorumConf;
  readonly #nodes: readonly NodeConf[];
  #quorum: number;
  /** Of all members, each with what it expects, the highest counts. */
  #expected: number;
  #present: ReadonlySet<NodeId> = new Set();
  #waitsForAll: boolean;
  #verdict: QuorumVerdict;

  constructor(conf: QuorumConf, nodes: readonly NodeConf[]) {
    invariant(!conf.twoNode || nodes.length === 2, "Q1: two_node with other than two nodes");
    this.#conf = conf;
    this.#nodes = nodes;
    this.#waitsForAll = conf.waitForAll;
    this.#expected = conf.expectedVotes;
    this.#quorum = quorumOf({
      total: 0,
      expected: conf.expectedVotes,
      previousQuorum: 0,
      twoNode: conf.twoNode,
    });
    this.#verdict = this.#judge(0, false, "no configuration yet");
  }

  /** The members that exchanged their state; returns the new verdict. */
  step(voices: readonly QuorumVoice[]): QuorumVerdict {
    const present = new Set(voices.map((voice) => voice.node));
    const total = this.#votesOf(present);
    this.#present = present;
    this.#expected = Math.max(...voices.map((voice) => voice.expected));
    this.#quorum = quorumOf({
      total,
      expected: this.#expected,
      previousQuorum: Math.max(this.#quorum, ...voices.map((voice) => voice.quorum)),
      twoNode: this.#conf.twoNode,
    });
    const missing = this.#nodes.filter((node) => !present.has(node.id)).map((node) => node.name);
    if (this.#waitsForAll) {
      const released =
        missing.length === 0 || voices.some((voice) => voice.quorate && !voice.waitsForAll);
      if (!released) {
        this.#verdict = this.#judge(
          total,
          false,
          `waiting for all: not seen ${missing.join(", ")}`,
        );
        return this.#verdict;
      }
    }
    const quorate = total >= this.#quorum;
    this.#waitsForAll = this.#conf.waitForAll && !quorate;
    const sum = `${total} of ${this.#expected} votes present, quorum is ${this.#quorum}`;
    this.#verdict = this.#judge(
      total,
      quorate,
      missing.length === 0 ? sum : `${sum}; absent ${missing.join(", ")}`,
    );
    return this.#verdict;
  }

  /**
   * The member leaves for good: less is expected from now on, and the quorum may fall. Takes effect
   * with the configuration without it; before that its votes are counted as they were.
   */
  remove(node: NodeId): void {
    const rest = new Set([...this.#present].filter((one) => one !== node));
    if (rest.size === this.#present.size) return;
    this.#present = rest;
    this.#expected -= this.#votesOf(new Set([node]));
    this.#quorum = quorumOf({
      total: this.#votesOf(rest),
      expected: this.#expected,
      previousQuorum: 0,
      twoNode: this.#conf.twoNode,
    });
  }

  /** What this node says of itself in the next state exchange. */
  voice(node: NodeId, quorateBefore: boolean): QuorumVoice {
    return {
      node,
      quorum: this.#quorum,
      expected: this.#expected,
      waitsForAll: this.#waitsForAll,
      quorate: quorateBefore,
    };
  }

  snapshot(): QuorumVerdict {
    return this.#verdict;
  }

  /** What is expected and needed now, in words. */
  terms(): string {
    return `${this.#expected} votes are expected, quorum is ${this.#quorum}`;
  }

  #votesOf(nodes: ReadonlySet<NodeId>): number {
    return this.#nodes
      .filter((node) => nodes.has(node.id))
      .reduce((sum, node) => sum + node.votes, 0);
  }

  #judge(votes: number, quorate: boolean, reason: string): QuorumVerdict {
    return {
      quorate,
      votes,
      expectedVotes: this.#expected,
      quorum: this.#quorum,
      reason,
    };
  }
}

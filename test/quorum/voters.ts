/** Every node with its own quorum engine; a component exchanges reports as the nodes do. */
import type { Test } from "tap";
import type { NodeConf, QuorumConf } from "../../src/model/conf.ts";
import { parseNodeName } from "../../src/model/ids.ts";
import { Quorum, type QuorumVerdict } from "../../src/quorum/quorum.ts";
import type { QuorumChange } from "../../src/quorum/quorum-messages.ts";
import { id } from "../sim/cluster.ts";

export const plainConf: QuorumConf = {
  expectedVotes: 1,
  twoNode: false,
  waitForAll: false,
  tieBreaker: null,
  lastManStandingMs: null,
};

export type VoterOptions = Partial<QuorumConf> & { readonly votes: readonly number[] };

export class Voters {
  readonly #engines: Quorum[];
  readonly #fresh: () => Quorum;
  readonly #quorate = new Set<number>();
  #ring = 0;

  constructor(options: VoterOptions) {
    const { votes, ...rest } = options;
    const nodes: readonly NodeConf[] = votes.map((count, index) => {
      const name = parseNodeName(`node${index + 1}`);
      if (name === null) throw new Error("name");
      return { id: id(index + 1), name, votes: count, fenceMethods: [], unfence: [] };
    });
    const expectedVotes = votes.reduce((sum, count) => sum + count, 0);
    const conf = { ...plainConf, expectedVotes, ...rest };
    this.#fresh = () => new Quorum(conf, nodes);
    this.#engines = nodes.map(this.#fresh);
  }

  /** These nodes form a configuration; all of them come to the same verdict. */
  meet(t: Test | null, ...nodes: readonly number[]): QuorumVerdict {
    const reports = nodes.map((node) =>
      this.engine(node).report(id(node), this.#quorate.has(node)),
    );
    this.#ring += 4;
    const verdicts = nodes.map((node) => this.engine(node).step(reports, this.#ring));
    const [first] = verdicts;
    if (first === undefined) throw new Error("nobody met");
    for (const [index, verdict] of verdicts.entries()) {
      t?.same(verdict, first, `node ${nodes[index]} agrees`);
      if (verdict.quorate) this.#quorate.add(nodes[index] ?? 0);
      else this.#quorate.delete(nodes[index] ?? 0);
    }
    return first;
  }

  /** All are told that the node leaves for good. */
  remove(node: number): void {
    for (const engine of this.#engines) engine.remove(id(node));
  }

  /** The node knows nothing but its file. */
  restart(node: number): void {
    this.#engines[node - 1] = this.#fresh();
    this.#quorate.delete(node);
  }

  /** The window has passed for these nodes, which hear both messages; returns what they expect. */
  window(...nodes: readonly number[]): number | null {
    const [first = 0] = nodes;
    const expected = this.engine(first).lastManStandingVotes;
    if (expected !== null) this.change({ type: "expected", expected }, nodes, nodes);
    return expected;
  }

  /** A change that these have heard of, and those agreed to. */
  change(what: QuorumChange, heard: readonly number[], agreed: readonly number[]): void {
    for (const node of heard) this.engine(node).propose(what);
    for (const node of agreed) this.engine(node).agree(what, this.#ring);
  }

  /** The lease of the node has ended: it does not claim to be quorate any more. */
  forget(node: number): void {
    this.#quorate.delete(node);
  }

  engine(node: number): Quorum {
    const engine = this.#engines[node - 1];
    if (engine === undefined) throw new Error(`node ${node}`);
    return engine;
  }
}

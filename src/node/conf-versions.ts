/**
 * The versions of the conf that this node knows: the one in force here, the one that is proposed,
 * and the one that it takes over from the others when it comes back with an older one.
 * Whether a proposed version comes into force is decided by all members, in `services/table/`.
 * Source: cluster.conf(5); cman commands.c: reload_config.
 * Deviation: nodes, votes, the ring and the times of the lease do not change while clusterd runs.
 * Tested in: test/services/configuration-change.test.ts
 * CHANGE4  The conf in force on this node changes only with a history that goes on here.
 */
import type { ClusterConf } from "../model/conf.ts";
import { extendDigest } from "../model/fnv.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";

/** A conf with its identity and the text that it was read from. */
export type ConfVersion = {
  readonly conf: ClusterConf;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
  readonly text: string;
};

/**
 * Reads the text of a conf as this node would at its start, or returns the problem in words. The
 * order `read` has gathered before what it takes to do so at once, such as the metadata of agents.
 */
export type ReadText = (text: string) => Result<ConfVersion, string>;

/**
 * The size of a text as JSON. A snapshot may carry two texts beside the service table, and must fit
 * into one message of 1 MiB; no file that people have written is longer.
 */
const textBytesMax = 250_000;

/** The text as it is sent to other nodes: empty when it is too long. */
export function sendableText(text: string): string {
  return Buffer.byteLength(JSON.stringify(text)) <= textBytesMax ? text : "";
}

/**
 * What is the same in all versions of which one can follow the other while the cluster runs, as the
 * file names it: who takes part, by which ring, and how long the others wait for a lost node.
 */
const fixedParts: Readonly<Record<string, (conf: ClusterConf) => unknown>> = {
  "the name of the cluster": ({ name }) => name,
  "the cluster id": ({ clusterId }) => clusterId,
  "<totem>, transport or key": ({ totem }) => totem,
  "votes or <cman>": ({ quorum }) => quorum,
  "<clusternode>": ({ nodes }) => nodes.map(({ id, name, votes }) => ({ id, name, votes })),
  "self_fence, kill_timeout, safe_wait or the watchdog of <fence_daemon>": ({ fencing }) => {
    const { selfFence, leaseMs, killTimeoutMs, safeWaitMs, watchdog } = fencing;
    return { selfFence, leaseMs, killTimeoutMs, safeWaitMs, watchdog };
  },
};

/** Equal for versions of which one can follow the other while the cluster runs. */
export function fixedDigest(conf: ClusterConf): string {
  const parts = Object.values(fixedParts).map((part) => part(conf));
  return extendDigest("", JSON.stringify(parts));
}

/** Why `next` cannot follow `now` while the cluster runs, or null. */
export function changeProblem(now: ConfVersion, next: ConfVersion): string | null {
  const [old, conf] = [now.conf, next.conf];
  if (conf.version <= old.version) {
    const text = "config version older or equal the running config";
    return `Not reloading, ${text} (${conf.version}, running ${old.version})`;
  }
  if (sendableText(next.text) === "") return `it has more than ${textBytesMax} bytes`;
  const changed = Object.entries(fixedParts).flatMap(([words, part]) => {
    return JSON.stringify(part(old)) === JSON.stringify(part(conf)) ? [] : [words];
  });
  if (changed.length > 0) {
    const what = changed.join(", ");
    return `${what} cannot change while clusterd runs: restart all nodes with the new file`;
  }
  return conf.services.enabled ? null : "<rm disabled> cannot be set while clusterd runs";
}

type Proposed = { readonly text: string; readonly hash: string };

export class ConfVersions {
  readonly #read: ReadText;
  #inForce: ConfVersion;
  /** This node votes on it when it can be read. */
  #proposal: Proposed | null = null;

  constructor(inForce: ConfVersion, read: ReadText) {
    this.#inForce = inForce;
    this.#read = read;
  }

  /** The conf in force on this node. */
  get inForce(): ConfVersion {
    return this.#inForce;
  }

  putInForce(version: ConfVersion): void {
    this.#inForce = version;
  }

  awaitProposal({ text, hash }: Proposed): void {
    this.#proposal = { text, hash };
  }

  /** The proposal with this text, which now can be read; null: none is waiting. */
  takeProposal(text: string): Proposed | null {
    const proposal = this.#proposal?.text === text ? this.#proposal : null;
    if (proposal !== null) this.#proposal = null;
    return proposal;
  }

  /** The values of a text, for the service table; null when it cannot be read here. */
  valuesOf(text: string): ClusterConf | null {
    const read = this.#read(text);
    return read.ok ? read.value.conf : null;
  }

  /** What is wrong with a proposal, or null. */
  examine(proposal: Proposed): string | null {
    const read = this.#read(proposal.text);
    if (!read.ok) return `Not reloading, configuration is not valid: ${read.problem}`;
    if (read.value.hash !== proposal.hash) return "its hash is not that of its text";
    return changeProblem(this.#inForce, read.value);
  }

  /** The version that the others have: this node takes it over unless it has it already. */
  takeOver(others: Proposed): Result<ConfVersion, string> {
    if (others.hash === this.#inForce.hash) return accept(this.#inForce);
    if (others.text === "") return refuse("the cluster's configuration is too long: copy the file");
    const read = this.#read(others.text);
    if (!read.ok) return refuse(`the cluster's configuration is not valid here: ${read.problem}`);
    return read;
  }
}

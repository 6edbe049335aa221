/**
 * The configuration on this node: the one in force here, what it says of another one that is
 * proposed, and how it takes over that of the others when it comes back with an older one.
 * Knows texts and what cannot change while the cluster runs; who agrees with whom is decided in
 * `services/`.
 * Source: cluster.conf(5); cman commands.c: reload_config.
 * Deviation: nodes, quorum, fencing, ring and logging do not change while the daemon runs.
 * Tested in: test/services/configuration-change.test.ts
 * CHANGE4  The configuration in force here changes only with a history that goes on here.
 */
import type { ClusterConf } from "../model/conf.ts";
import { extendDigest } from "../model/fnv.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";

/** A configuration with its identity and the text it was read from. */
export type Configuration = {
  readonly conf: ClusterConf;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
  readonly text: string;
};

/**
 * Reads a text as this node would at its start; the problem in words. What it takes to do so at
 * once, such as the metadata of agents, was gathered for the order `read`.
 */
export type ReadText = (text: string) => Result<Configuration, string>;

/**
 * As JSON. A snapshot may carry two of them beside its table, and must fit into one message of
 * 1 MiB; no file of people is longer.
 */
const textBytesMax = 250_000;

/** Empty when it is too long to travel. */
export function travelling(text: string): string {
  return Buffer.byteLength(JSON.stringify(text)) <= textBytesMax ? text : "";
}

const fixedParts = [
  "name",
  "clusterId",
  "totem",
  "quorum",
  "nodes",
  "fencing",
  "logging",
  "accounts",
] as const satisfies readonly (keyof ClusterConf)[];

/** Equal for configurations of which one can follow the other while the cluster runs. */
export function fixedDigest(conf: ClusterConf): string {
  return extendDigest("", JSON.stringify(fixedParts.map((part) => conf[part])));
}

/** Why `next` cannot follow, or null. */
export function changeProblem(now: Configuration, next: Configuration): string | null {
  const [old, conf] = [now.conf, next.conf];
  if (conf.version <= old.version) {
    const text = "config version older or equal the running config";
    return `Not reloading, ${text} (${conf.version}, running ${old.version})`;
  }
  if (travelling(next.text) === "") return `it has more than ${textBytesMax} bytes`;
  const fixed = fixedParts.filter(
    (part) => JSON.stringify(old[part]) !== JSON.stringify(conf[part]),
  );
  if (fixed.length > 0) {
    const what = fixed.map((part) => partWords[part]).join(", ");
    return `${what} cannot change while clusterd runs: restart all nodes with the new file`;
  }
  return conf.services.enabled ? null : "<rm disabled> cannot be set while clusterd runs";
}

const partWords: Readonly<Record<(typeof fixedParts)[number], string>> = {
  name: "the name of the cluster",
  clusterId: "the cluster id",
  totem: "<totem>, transport or key",
  quorum: "votes or <cman>",
  nodes: "<clusternodes> or fence devices",
  fencing: "<fence_daemon>",
  logging: "<logging>",
  accounts: "<uidgid>",
};

type Proposed = { readonly text: string; readonly hash: string };

/** The configurations that this node has to do with. */
export class Configurations {
  readonly #read: ReadText;
  #settled: Configuration;
  /** To be judged when it can be read. */
  #proposal: Proposed | null = null;

  constructor(settled: Configuration, read: ReadText) {
    this.#settled = settled;
    this.#read = read;
  }

  /** In force on this node. */
  get settled(): Configuration {
    return this.#settled;
  }

  settle(configuration: Configuration): void {
    this.#settled = configuration;
  }

  awaitProposal({ text, hash }: Proposed): void {
    this.#proposal = { text, hash };
  }

  /** Null when nobody waits for this text. */
  takeProposal(text: string): Proposed | null {
    const proposal = this.#proposal?.text === text ? this.#proposal : null;
    if (proposal !== null) this.#proposal = null;
    return proposal;
  }

  /** For the table: null when it cannot be read here. */
  valuesOf(text: string): ClusterConf | null {
    const read = this.#read(text);
    return read.ok ? read.value.conf : null;
  }

  /** What is wrong with a proposal, or null. */
  examine(proposal: Proposed): string | null {
    const read = this.#read(proposal.text);
    if (!read.ok) return `Not reloading, configuration is not valid: ${read.problem}`;
    if (read.value.hash !== proposal.hash) return "its hash is not that of its text";
    return changeProblem(this.#settled, read.value);
  }

  /** That of the others, which this node takes over: its own, or another one. */
  takeOver(others: Proposed): Result<Configuration, string> {
    if (others.hash === this.#settled.hash) return accept(this.#settled);
    if (others.text === "") return refuse("the cluster's configuration is too long: copy the file");
    const read = this.#read(others.text);
    if (!read.ok) return refuse(`the cluster's configuration is not valid here: ${read.problem}`);
    return read;
  }
}

/**
 * The service table while one event is being applied: records, outputs, and the questions that all
 * rules ask (who is ready, who is legal, what does a service wait for).
 * Iteration is in configuration order for services and by id for nodes: every member computes the
 * same result from the same stream.
 */
import type { ClusterConf, FailoverDomainConf, ServiceConf } from "../model/conf.ts";
import { compareIds, type NodeId, type NodeName, type ServiceName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { RequestCode } from "../model/request-codes.ts";
import { count, flag, nodeId, oneOf, record, type Shaped } from "../model/shape.ts";
import { type Candidate, rankCandidates, scoreNode, scoreWords } from "./placement.ts";
import {
  checkRecord,
  holderOf,
  type Operation,
  occupies,
  type RequestRef,
  type ServiceRecord,
  type StartChain,
} from "./service-state.ts";

/**
 * What a node may be running: what the table says (`known`), or anything it is allowed to run
 * (`unknown`: not seen since this history began).
 */
export const nodeRecord = record({
  id: nodeId,
  life: count,
  /** `clean`: it runs nothing, and may not yet. */
  phase: oneOf("absent", "joined", "clean", "ready", "leaving", "lost"),
  knowledge: oneOf("known", "unknown"),
  departureGranted: flag,
});
export type NodeRecord = Shaped<typeof nodeRecord>;

export type TableNotice = {
  readonly type: "notice";
  readonly level: "info" | "notice" | "warning" | "err" | "crit" | "alert";
  readonly text: string;
};

export type TableOutput =
  /** To be performed by the named node and life, exactly once, whoever reads this. */
  | { readonly type: "run"; readonly service: ServiceName; readonly operation: Operation }
  | {
      readonly type: "reply";
      readonly ref: RequestRef;
      readonly code: RequestCode;
      readonly owner: NodeId | null;
    }
  /** The leaving node runs nothing any more and may go. */
  | { readonly type: "departure-granted"; readonly node: NodeId }
  | TableNotice;

/** Why something was done to a service; seconds since 1970. */
export type Decision = { readonly at: number; readonly text: string };

const decisionsMax = 16;

export class TableDraft {
  readonly conf: ClusterConf;
  readonly nodes: Map<NodeId, NodeRecord>;
  readonly services: Map<ServiceName, ServiceRecord>;
  nowMs = 0;
  nextOp = 1;
  /** By a user: nothing is started or moved, what runs is looked after where it runs. */
  locked = false;
  #outputs: TableOutput[] = [];
  /** Not part of the replicated state: a joiner remembers what it has seen itself. */
  readonly #decisions = new Map<ServiceName, readonly Decision[]>();

  constructor(conf: ClusterConf) {
    this.conf = conf;
    this.nodes = new Map();
    this.services = new Map();
  }

  takeOutputs(): readonly TableOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  emit(output: TableOutput): void {
    this.#outputs.push(output);
  }

  service(name: ServiceName): ServiceRecord {
    const found = this.services.get(name);
    invariant(found !== undefined, `no record of ${name}`);
    return found;
  }

  serviceConf(name: ServiceName): ServiceConf {
    const found = this.conf.services.services.find((service) => service.name === name);
    invariant(found !== undefined, `no configuration of ${name}`);
    return found;
  }

  domainOf(name: ServiceName): FailoverDomainConf | null {
    const { domain } = this.serviceConf(name);
    return this.conf.services.domains.find((one) => one.name === domain) ?? null;
  }

  node(id: NodeId): NodeRecord {
    const found = this.nodes.get(id);
    invariant(found !== undefined, `no record of node ${id}`);
    return found;
  }

  nameOf(id: NodeId | null): NodeName | "none" {
    return this.conf.nodes.find((node) => node.id === id)?.name ?? "none";
  }

  put(service: ServiceRecord): void {
    this.services.set(service.name, checkRecord(service));
  }

  putNode(node: NodeRecord): void {
    this.nodes.set(node.id, node);
  }

  /** In configuration order, lower `priority` first. */
  inOrder(): readonly ServiceRecord[] {
    return this.conf.services.services
      .toSorted((a, b) => a.priority - b.priority)
      .map((service) => this.service(service.name));
  }

  readyNodes(): readonly NodeId[] {
    return [...this.nodes.values()]
      .filter((node) => node.phase === "ready")
      .map((node) => node.id)
      .toSorted(compareIds);
  }

  isReady(id: NodeId): boolean {
    return this.nodes.get(id)?.phase === "ready";
  }

  /** Remembers why something was done to a service, and says so in the log. */
  decide(name: ServiceName, text: string): void {
    const decisions = [...this.decisionsOf(name), { at: Math.floor(this.nowMs / 1000), text }];
    this.#decisions.set(name, decisions.slice(-decisionsMax));
    this.emit({ type: "notice", level: "notice", text: `${name}: ${text}` });
  }

  reply(refs: readonly RequestRef[], code: RequestCode, owner: NodeId | null = null): void {
    for (const ref of refs) this.emit({ type: "reply", ref, code, owner });
  }

  decisionsOf(name: ServiceName): readonly Decision[] {
    return this.#decisions.get(name) ?? [];
  }

  /** Services that are started or starting on a node, except one. */
  loadOf(node: NodeId, except: ServiceName | null = null): number {
    return [...this.services.values()].filter(
      (service) => service.name !== except && occupies(service, node),
    ).length;
  }

  /** Null when the node may run it as far as exclusive services go, else the reason. */
  exclusivityConflict(name: ServiceName, node: NodeId): string | null {
    if (this.serviceConf(name).exclusive) {
      return this.loadOf(node, name) > 0 ? "runs services, and this one is exclusive" : null;
    }
    const rival = [...this.services.values()].find(
      (service) =>
        service.name !== name &&
        occupies(service, node) &&
        this.serviceConf(service.name).exclusive,
    );
    return rival === undefined ? null : `runs the exclusive ${rival.name}`;
  }

  score(name: ServiceName, node: NodeId): 0 | 1 | 2 | 3 {
    const service = this.service(name);
    const running = service.state === "started" || service.state === "starting";
    return scoreNode(this.domainOf(name), node, {
      online: new Set(this.readyNodes()),
      current: running ? service.owner : null,
    });
  }

  /** Ready nodes that may run the service, best first, without those of `except`. */
  candidates(name: ServiceName, except: readonly NodeId[]): readonly Candidate[] {
    const open = this.readyNodes().filter(
      (node) => !except.includes(node) && this.exclusivityConflict(name, node) === null,
    );
    return rankCandidates(
      open.map((node) => ({
        node,
        score: this.score(name, node),
        load: this.loadOf(node, name),
      })),
    );
  }

  /** Every node with the reason for or against it, for `--why`. */
  explainCandidates(name: ServiceName, chain: StartChain): string {
    return this.conf.nodes
      .map(({ id, name: nodeName }) => {
        const { phase } = this.node(id);
        if (phase === "clean") return `${nodeName}: not unfenced`;
        if (phase !== "ready") return `${nodeName}: ${phase === "joined" ? "not ready" : phase}`;
        if (chain.tried.includes(id)) return `${nodeName}: already tried`;
        const conflict = this.exclusivityConflict(name, id);
        if (conflict !== null) return `${nodeName}: ${conflict}`;
        const words = scoreWords[this.score(name, id)];
        return `${nodeName}: ${words}, ${this.loadOf(id, name)} services`;
      })
      .join("; ");
  }

  /** Nodes that could be running the service unnoticed: not seen since this history began. */
  unknownHolders(name: ServiceName): readonly NodeId[] {
    const domain = this.domainOf(name);
    const online = new Set(this.nodes.keys());
    return [...this.nodes.values()]
      .filter((node) => node.knowledge === "unknown")
      .map((node) => node.id)
      .filter((node) => scoreNode(domain, node, { online, current: null }) > 0);
  }

  /** The node that must be fenced, or prove itself clean, before this service can be touched. */
  awaitedNode(name: ServiceName): NodeId | null {
    const holder = holderOf(this.service(name));
    if (holder === null) return null;
    const { phase } = this.node(holder);
    return phase === "lost" || phase === "joined" ? holder : null;
  }

  dependencyMet(name: ServiceName): boolean {
    const { depend } = this.serviceConf(name);
    return depend === null || this.services.get(depend)?.state === "started";
  }
}

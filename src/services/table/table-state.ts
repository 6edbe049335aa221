/**
 * The service table while one event is being applied: records, outputs, and the queries that all
 * rules use (which nodes are ready, which are legal, which node a service awaits).
 * Services are visited in the order of the conf and nodes by id, so that every member computes the
 * same result from the same messages.
 * Tested in: test/services/service-index.test.ts, test/services/service-table.test.ts
 */
import type { Acceptance } from "../../model/acceptance.ts";
import type { ClusterConf, FailoverDomainConf, ServiceConf } from "../../model/conf.ts";
import { compareIds, type NodeId, type NodeName, type ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import type { RequestOutcome } from "../../model/request-outcome.ts";
import { compareServices, type ServiceDelta } from "../tree/tree-delta.ts";
import { type Promotion, promotionOf } from "./broker-promotion.ts";
import { noBrokers, ofNodes } from "./broker-records.ts";
import { type Candidate, rankCandidates, scoreNode, scoreWords } from "./placement.ts";
import { ServiceIndex } from "./service-index.ts";
import {
  type AskedMove,
  checkRecord,
  holderOf,
  movesOn,
  type RequestRef,
  type ServiceRecord,
} from "./service-state.ts";
import type { TableNotice, TableOutput } from "./table-events.ts";
import type { ConfChange, NodeRecord } from "./table-snapshot.ts";

/** Whether a node may run a service, or, in a decision, whether it was chosen; and why. */
export type NodeVerdict = {
  readonly node: NodeId;
  readonly fit: boolean;
  readonly reason: string;
};

/** What was decided about a service, and why. `at`: seconds since 1970. */
export type Decision = {
  readonly at: number;
  readonly text: string;
  /** The nodes that were considered; `fit` marks the one that was chosen. */
  readonly nodes: readonly NodeVerdict[];
};

type Circumstances = Partial<Pick<Decision, "nodes"> & Pick<TableNotice, "level">>;

const decisionsMax = 16;

export type LastChange = Acceptance & { readonly version: number };

/** Reads a conf's text; null: refused. The same on every node that has accepted it. */
export type ReadConf = (text: string) => ClusterConf | null;

/**
 * The consequences of one input, applied service by service. The generator may be suspended after
 * each service, since nothing else is applied before its end.
 */
export type TableWork<Result = void> = Generator<void, Result, void>;

export class TableState {
  #conf: ClusterConf;
  readonly nodes: Map<NodeId, NodeRecord>;
  readonly services: Map<ServiceName, ServiceRecord>;
  #index: ServiceIndex;
  nowMs = 0;
  nextOp = 1;
  startsDone = 0;
  /** A service that `outdates` others has worked since the last `takeWorked`; see `History`. */
  worked = false;
  /** A user has locked the services: none is started or relocated; started ones are checked. */
  locked = false;
  /** What the nodes have said of their brokers. */
  brokers = noBrokers;
  /** Moves that wait for the answer of a broker; not part of a snapshot. */
  readonly moves = new Map<ServiceName, AskedMove>();
  /** The change of the conf that is under way; `next` has its values once all accepted. */
  change: ConfChange | null = null;
  #next: ClusterConf | null = null;
  /** The result of the last change that this node has seen. */
  lastChange: LastChange | null = null;
  readonly readConf: ReadConf;
  #outputs: TableOutput[] = [];
  #deltas: ReadonlyMap<ServiceName, ServiceDelta> | null = null;
  /** Computed from the node records when first asked for; null after a record has changed. */
  #ready: readonly NodeId[] | null = null;
  #online: ReadonlySet<NodeId> | null = null;
  #unknown: readonly NodeRecord[] | null = null;
  /** Not replicated: each node remembers the decisions that it has seen itself. */
  readonly #decisions = new Map<ServiceName, readonly Decision[]>();

  constructor(conf: ClusterConf, readConf: ReadConf) {
    this.#conf = conf;
    this.readConf = readConf;
    this.nodes = new Map();
    this.services = new Map();
    this.#index = new ServiceIndex(conf);
  }

  get conf(): ClusterConf {
    return this.#conf;
  }

  get index(): ServiceIndex {
    return this.#index;
  }

  get next(): ClusterConf | null {
    return this.#next;
  }

  set next(next: ClusterConf | null) {
    this.#next = next;
    this.#deltas = null;
  }

  /** What the next conf changes; empty while there is no next one. */
  get deltas(): ReadonlyMap<ServiceName, ServiceDelta> {
    if (this.#next === null) return new Map();
    this.#deltas ??= compareServices(this.#conf.services, this.#next.services);
    return this.#deltas;
  }

  /** Takes another conf; the caller must `forget` the services that it does not have. */
  adoptConf(conf: ClusterConf): void {
    this.#conf = conf;
    this.#deltas = null;
    this.#index = new ServiceIndex(conf);
    const brokers = ofNodes(this.brokers, new Set(conf.nodes.map(({ id }) => id)));
    const placed = brokers.placed.filter((name) => this.#index.promoting.has(name));
    this.brokers = { ...brokers, placed };
    for (const { name } of conf.services.services) {
      const service = this.services.get(name);
      if (service !== undefined) this.#index.put(undefined, service);
    }
  }

  /** Removes a service that is not configured any more. */
  forget(name: ServiceName): void {
    this.services.delete(name);
    this.#decisions.delete(name);
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
    return this.index.conf(name);
  }

  domainOf(name: ServiceName): FailoverDomainConf | null {
    return this.index.domainOf(name);
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
    const before = this.services.get(service.name);
    this.index.put(before, checkRecord(service));
    this.services.set(service.name, service);
    if (before !== undefined && movesOn(before, service)) {
      this.emit({ type: "moved-on", record: service });
    }
  }

  /** Notes that the service has worked on a member. */
  noteWork(name: ServiceName): void {
    this.worked ||= this.index.outdates(name);
  }

  /**
   * Whether a member holds a service that `outdates` others, in any state. A service of a member
   * that is not ready yet belongs to its earlier life, which has no part in this ring.
   */
  get mayWork(): boolean {
    const members = this.members();
    return [...this.services.values()].some((service) => {
      const holder = holderOf(service);
      if (holder === null || !members.includes(holder)) return false;
      return this.node(holder).phase !== "joined" && this.index.outdates(service.name);
    });
  }

  putNode(node: NodeRecord): void {
    this.nodes.set(node.id, node);
    this.#ready = null;
    this.#online = null;
    this.#unknown = null;
  }

  /** In the order of the conf, lower `priority` first. */
  inOrder(): readonly ServiceRecord[] {
    return this.index.order.map((name) => this.service(name));
  }

  readyNodes(): readonly NodeId[] {
    this.#ready ??= [...this.nodes.values()]
      .filter((node) => node.phase === "ready")
      .map((node) => node.id)
      .toSorted(compareIds);
    return this.#ready;
  }

  #onlineNodes(): ReadonlySet<NodeId> {
    this.#online ??= new Set(this.readyNodes());
    return this.#online;
  }

  /** The nodes that have proven to run only what the table says, ascending. */
  provenNodes(): readonly NodeId[] {
    return [...this.nodes.values()]
      .filter(({ phase }) => phase === "ready" || phase === "clean")
      .map(({ id }) => id)
      .toSorted(compareIds);
  }

  /** The members of the present ring. */
  members(): readonly NodeId[] {
    const there = ["joined", "clean", "ready", "leaving"];
    return [...this.nodes.values()]
      .filter(({ phase }) => there.includes(phase))
      .map(({ id }) => id);
  }

  isReady(id: NodeId): boolean {
    return this.nodes.get(id)?.phase === "ready";
  }

  /** Remembers a decision about a service and logs it. */
  decide(
    name: ServiceName,
    text: string,
    { nodes = [], level = "notice" }: Circumstances = {},
  ): void {
    const at = Math.floor(this.nowMs / 1000);
    const decisions = [...this.decisionsOf(name), { at, text, nodes }];
    this.#decisions.set(name, decisions.slice(-decisionsMax));
    const looked = nodes.map(({ node, reason }) => `${this.nameOf(node)}: ${reason}`);
    const why = looked.length === 0 ? "" : `; ${looked.join("; ")}`;
    this.emit({ type: "notice", level, text: `${name}: ${text}${why}` });
  }

  reply(refs: readonly RequestRef[], outcome: RequestOutcome): void {
    for (const ref of refs) this.emit({ type: "reply", ref, outcome });
  }

  decisionsOf(name: ServiceName): readonly Decision[] {
    return this.#decisions.get(name) ?? [];
  }

  /** Services that are started or starting on a node, except one. */
  loadOf(node: NodeId, except: ServiceName | null = null): number {
    return this.index.loadOf(node, except);
  }

  /** Why exclusive services keep the service from running on the node; null: they do not. */
  exclusivityConflict(name: ServiceName, node: NodeId): string | null {
    // A service that is stopping there counts, too: it is not gone yet and may be restarted there.
    if (this.serviceConf(name).exclusive) {
      const alone = !this.index.ownsOthers(node, name);
      return alone ? null : "runs services, and this one is exclusive";
    }
    const rival = this.index.rivalOn(node, name);
    return rival === null ? null : `runs the exclusive ${rival}`;
  }

  score(name: ServiceName, node: NodeId): 0 | 1 | 2 | 3 {
    const service = this.service(name);
    const running = service.state === "started" || service.state === "starting";
    return scoreNode(this.domainOf(name), node, {
      online: this.#onlineNodes(),
      current: running ? service.owner : null,
    });
  }

  /**
   * The ready nodes that may run the service, best first, without those in `except`. `forced`: an
   * operator permits to promote a broker that may lack messages.
   */
  candidates(name: ServiceName, except: readonly NodeId[], forced = false): readonly Candidate[] {
    const brokers = this.promotion(name, forced)?.nodes;
    const open = this.readyNodes().filter(
      (node) =>
        !except.includes(node) &&
        this.exclusivityConflict(name, node) === null &&
        brokers?.includes(node) !== false,
    );
    const ranked = rankCandidates(
      open.map((node) => ({
        node,
        score: this.score(name, node),
        load: this.loadOf(node, name),
      })),
    );
    if (brokers === undefined) return ranked;
    return ranked.toSorted((a, b) => brokers.indexOf(a.node) - brokers.indexOf(b.node));
  }

  /** What the states of brokers say about the next start; null: they do not decide. */
  promotion(name: ServiceName, forced = false): Promotion | null {
    return promotionOf(this, name, forced);
  }

  /** The ready nodes that could run the service but for exclusive services. */
  crowdedNodes(name: ServiceName): readonly NodeId[] {
    return this.readyNodes().filter(
      (node) => this.score(name, node) > 0 && this.exclusivityConflict(name, node) !== null,
    );
  }

  /** Every node with the reason for or against it; nodes in `tried` are refused. */
  verdicts(name: ServiceName, tried: readonly NodeId[]): readonly NodeVerdict[] {
    const promotion = this.promotion(name);
    return this.conf.nodes.map(({ id: node }) => {
      const { phase } = this.node(node);
      const refused = (reason: string): NodeVerdict => ({ node, fit: false, reason });
      if (phase === "clean") return refused("not unfenced");
      if (phase !== "ready") return refused(phase === "joined" ? "not ready" : phase);
      if (tried.includes(node)) return refused("already tried");
      const conflict = this.exclusivityConflict(name, node);
      if (conflict !== null) return refused(conflict);
      const score = this.score(name, node);
      const broker = promotion?.reasons.get(node) ?? "no broker is configured there";
      const here = this.service(name).owner === node;
      if (!here && promotion?.nodes.includes(node) === false) return refused(broker);
      const known = promotion === null || here ? "" : `, ${broker}`;
      const reason = `${scoreWords[score]}, ${this.loadOf(node, name)} services${known}`;
      return { node, fit: score > 0, reason };
    });
  }

  /** Whether the failover domain allows the service on the node, ready or not. */
  isLegal(name: ServiceName, node: NodeId, domain = this.domainOf(name)): boolean {
    const online = new Set(this.nodes.keys());
    return scoreNode(domain, node, { online, current: null }) > 0;
  }

  /** Nodes that might be running the service, since they were not seen since this history began. */
  unknownHolders(name: ServiceName): readonly NodeId[] {
    this.#unknown ??= [...this.nodes.values()].filter(({ knowledge }) => knowledge === "unknown");
    const mayRun = this.#unknown.filter(({ off }) => !off.includes(name)).map(({ id }) => id);
    return mayRun.filter((node) => this.isLegal(name, node));
  }

  /**
   * The node that must be fenced or prove itself clean before anything is done with the service.
   */
  awaitedNode(name: ServiceName): NodeId | null {
    const holder = holderOf(this.service(name));
    if (holder === null) return null;
    const { phase } = this.node(holder);
    return phase === "lost" || phase === "joined" ? holder : null;
  }

  /** Whether a change of the conf stops the service or keeps it from starting. */
  isHeld(name: ServiceName): boolean {
    if (this.change?.stage !== "stopping") return false;
    const delta = this.deltas.get(name);
    return delta === "removed" || delta === "replaced" || delta === "parts";
  }

  dependencyMet(name: ServiceName): boolean {
    const { depend } = this.serviceConf(name);
    return depend === null || this.services.get(depend)?.state === "started";
  }
}

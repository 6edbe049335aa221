/**
 * One life of this node: ring thread, cluster node and loop from their start to their end. Connects
 * them over ports; the simulator runs the same lives on virtual time.
 * Tested in: test/life/node-life.test.ts, test/sim/searches.test.ts, test/e2e/failover.test.ts
 * LIFE1  After the end of a life, outputs of its ring and reports of its agents have no effect.
 */

import type { BrokerSight } from "../brokers/broker-sight.ts";
import { isPrimaryState } from "../brokers/broker-state.ts";
import { isGroupFrame } from "../groups/group-frames.ts";
import type { ProcessGroups } from "../groups/process-groups.ts";
import { decodePayload } from "../io/payload-codec.ts";
import type { Clock, LogSink, Stop } from "../io/ports.ts";
import type { ClusterConf, LogPriority } from "../model/conf.ts";
import type { NodeId, NodeName, ServiceName } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";
import type { OwnBrokerStatus } from "../model/status.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { ConfVersion, ReadText } from "../node/conf-versions.ts";
import type { CarriedOver, KnownMachine, RememberedMachine } from "../node/node-events.ts";
import type { RingThreadOutput } from "../ring-thread/ring-port.ts";
import type { RingThread } from "../ring-thread/ring-thread-start.ts";
import type { RotationRecord } from "../ring-thread/token-meter.ts";
import { BrokerObserver, type BrokerPorts, noOwnBroker } from "./broker-observer.ts";
import { BrokerPeers, type PeersParts } from "./broker-peers.ts";
import { EventLoop, type NodeEnd } from "./event-loop.ts";
import type { FailoverLog } from "./failover-log.ts";
import { GroupClients } from "./group-clients.ts";
import type { LifeEnd } from "./life-end.ts";
import { MemberLog } from "./member-log.ts";
import { NativeBroker } from "./native-brokers.ts";
import type { NodeAgents } from "./node-agents.ts";
import {
  isPrimaryHere,
  type PromotionRules,
  promotionObstacle,
  watchPromotions,
} from "./promotion-watch.ts";
import type { RingView } from "./status-report.ts";

export type LifeParts = {
  readonly conf: ClusterConf;
  readonly self: NodeId;
  readonly name: NodeName;
  readonly configHash: string;
  readonly configText: string;
  readonly readText: ReadText;
  readonly prepareText: (text: string, done: (objection: string | null) => void) => void;
  readonly onConf: (conf: ConfVersion) => void;
  /** On which machines the other nodes were in earlier lives; `onMachines` is told of changes. */
  readonly remembered: readonly RememberedMachine[];
  readonly onMachines: (known: readonly KnownMachine[]) => void;
  readonly trackingToken: string;
  /** A watchdog may reset this node, and the other nodes must wait for that. */
  readonly watchdog: boolean;
  readonly machine: string;
  readonly clock: Clock;
  readonly startRing: (onOutputs: (outputs: readonly RingThreadOutput[]) => void) => RingThread;
  readonly agents: NodeAgents;
  readonly machines: LifeMachines;
  readonly log: LogSink;
  /** It outlives this life. */
  readonly failovers: FailoverLog;
  /** With this frame the guard can tell the others that this life has ended. */
  readonly onCertificate: (frame: Uint8Array) => void;
  readonly onLease: (endMs: number, atEnd: LeaseEnd) => void;
  /** What is carried over from the life before; null: nothing. */
  readonly carried: CarriedOver | null;
  /** No process and no address of any service is on this machine. */
  readonly nothingLeft: boolean;
  /** Null: no broker is observed. */
  readonly brokerPorts: LifeBrokerPorts | null;
  readonly onToldToLeave: () => void;
  readonly onEnd: (end: LifeEnd) => void;
  readonly onTurn: () => void;
};

export type LifeBrokerPorts = BrokerPorts & Pick<PeersParts, "connections">;

/** Makes the machines of a life. */
export type LifeMachines = {
  readonly makeNode: (...given: ConstructorParameters<typeof ClusterNode>) => ClusterNode;
  readonly makeGroups: (self: NodeId) => ProcessGroups;
};

const snapshotEveryMs = 1000;

export class NodeLife {
  readonly #parts: LifeParts;
  readonly #thread: RingThread;
  readonly #snapshots: Stop;
  readonly #members = new MemberLog();
  readonly #groups: GroupClients;
  readonly #broker: BrokerObserver | null;
  readonly #peers: BrokerPeers | null;
  #loop: EventLoop | null = null;
  #node: ClusterNode | null = null;
  #ringView: RingView = { state: "gather", counters: {}, rotation: null };
  #snapshotNumber = 0;
  #shutdown: { readonly remove: boolean } | null = null;
  #ended = false;

  constructor(parts: LifeParts) {
    this.#parts = parts;
    this.#thread = parts.startRing((outputs) => {
      for (const output of outputs) this.#onRing(output);
    });
    this.#groups = new GroupClients({
      machine: parts.machines.makeGroups(parts.self),
      postToRing: (input) => this.#thread.post(input),
      say: ({ level, text }) => this.#say(level, text),
    });
    this.#broker = this.#observer();
    this.#peers = this.#brokerPeers();
    this.#snapshots = parts.clock.every(snapshotEveryMs, () => this.#askSnapshot());
  }

  get node(): ClusterNode | null {
    return this.#node;
  }

  get loop(): EventLoop | null {
    return this.#loop;
  }

  get groups(): GroupClients {
    return this.#groups;
  }

  get ringView(): RingView {
    return this.#ringView;
  }

  get broker(): OwnBrokerStatus {
    return this.#broker?.status ?? noOwnBroker;
  }

  get members(): MemberLog {
    return this.#members;
  }

  /** Stops the services, hands them over and leaves the ring (`remove`: for good). */
  shutdown(remove: boolean): void {
    this.#shutdown = { remove };
    this.#loop?.push({ type: "shutdown", remove });
  }

  linkChanged(up: boolean): void {
    this.#thread.post({ type: "link", up });
  }

  /** Ends the life at once, without leaving the ring. */
  kill(): PromiseLike<void> {
    this.#finish();
    return this.#thread.kill();
  }

  #finish(): void {
    this.#ended = true;
    this.#snapshots();
    this.#loop?.end();
    this.#groups.end();
    this.#broker?.end();
    this.#peers?.end();
  }

  #observer(): BrokerObserver | null {
    const { brokerPorts: ports, self, clock, trackingToken, log, onTurn } = this.#parts;
    if (ports === null) return null;
    const checkNow = (service: ServiceName, why: string): void => {
      this.#loop?.push({ type: "check-now", service, why });
    };
    const onSight = (sight: BrokerSight): void => {
      this.#loop?.push({ type: "broker", sight, remembers: ports.memory.last });
    };
    const parts = { ports, self, clock, trackingToken, log, checkNow, onSight, onChange: onTurn };
    return new BrokerObserver(parts);
  }

  #brokerPeers(): BrokerPeers | null {
    const { brokerPorts, self, clock, log } = this.#parts;
    const observer = this.#broker;
    if (brokerPorts === null || observer === null) return null;
    const { connections } = brokerPorts;
    const own = () => observer.sight;
    const target = () => observer.target();
    return new BrokerPeers({ connections, self, clock, log, own, target });
  }

  /** Starts and stops of the script that promotes a broker are watched. */
  #watched(agents: NodeAgents): NodeAgents {
    const observer = this.#broker;
    const { brokerPorts, clock } = this.#parts;
    if (observer === null || brokerPorts === null) return agents;
    const connections = brokerPorts.brokers;
    const native = new NativeBroker({ observer, connections, clock });
    const obstacle = (service: ServiceName): string | null => {
      const table = this.#node?.snapshot.table ?? null;
      if (table === null) return "this node takes no part in the cluster";
      return promotionObstacle({ table, service, self: this.#parts.self, seen: observer.sight });
    };
    const leavesPrimary = (service: ServiceName): boolean => {
      const table = this.#node?.snapshot.table ?? null;
      const { self } = this.#parts;
      return table !== null && isPrimaryHere({ table, service, self, seen: observer.sight });
    };
    const onStopped: PromotionRules["onStopped"] = ({ by, doubtful }, done) => {
      if (doubtful) observer.requireEnd("a promotion was not seen to its end");
      observer.ensureEnded(by, done);
    };
    const isBackup = (): boolean => {
      const { sight } = observer;
      return sight?.type === "answers" && !isPrimaryState(sight.state);
    };
    const onRefused = (): void => observer.noteRefusal();
    const onStarted = (): void => observer.refresh();
    const rules = { obstacle, leavesPrimary, isBackup, onStarted, onRefused, onStopped };
    return watchPromotions(native.serve(agents), rules);
  }

  #onTurn(): void {
    if (this.#node !== null) {
      const { conf, snapshot } = this.#node;
      this.#broker?.look(conf, snapshot.table);
      this.#peers?.look(conf, snapshot.table);
    }
    this.#parts.onTurn();
  }

  /** A message that the ring has refused is missing from the history: this life cannot go on. */
  #onQueue(lane: string, state: "full" | "writable"): void {
    this.#say("err", `the send queue ${lane} is ${state}`);
    if (state === "full") this.#close({ type: "restart" });
  }

  #askSnapshot(): void {
    this.#snapshotNumber += 1;
    this.#thread.post({ type: "snapshot", request: this.#snapshotNumber });
  }

  #onRing(output: RingThreadOutput): void {
    // LIFE1.
    if (this.#ended) return;
    switch (output.type) {
      case "started":
        this.#parts.onCertificate(output.certificate);
        this.#begin(output.incarnation);
        return;
      case "deliver": {
        const { from, payload } = output;
        if (isGroupFrame(payload)) this.#groups.push({ type: "deliver", from, payload });
        else this.#loop?.push({ type: "deliver", from, payload: decodePayload(payload) });
        return;
      }
      case "configuration": {
        const { configuration, heardAt, incarnations } = output;
        if (configuration.kind === "regular") {
          this.#see("operational");
          const nowSeconds = Math.floor(this.#parts.clock.wallMs() / 1000);
          const seen = { ...configuration, incarnations };
          this.#accuse(this.#members.note(seen, nowSeconds, this.#fencedAt()));
        }
        this.#loop?.push({ type: "configuration", configuration, heardAt });
        this.#groups.push({ type: "configuration", configuration });
        return;
      }
      case "lease":
        this.#loop?.push({ type: "lease", ...output.lease });
        return;
      case "suspended":
        this.#see("gather");
        this.#loop?.push({ type: "suspended", reason: output.reason });
        this.#say("notice", `the ring is suspended: ${output.reason}`);
        return;
      case "certified":
      case "contested":
        this.#loop?.push(output);
        return;
      case "queue":
        this.#onQueue(output.lane, output.state);
        return;
      case "notice":
        this.#say(output.notice.level, output.notice.text);
        return;
      case "heartbeat":
        this.#thread.post({ type: "heartbeat-answer", beat: output.beat });
        return;
      case "snapshot":
        this.#ringView = viewOf(output.status);
        return;
      case "fatal":
        this.#close({ type: "fatal", problem: output.problem });
        return;
      case "stopped":
        this.#close({ type: "left" });
        return;
      default:
        assertNever(output);
    }
  }

  #begin(incarnation: number): void {
    const { conf, self, name, configHash, configText, trackingToken, carried } = this.#parts;
    const { watchdog, machine, log, agents, machines, readText, prepareText } = this.#parts;
    const { nothingLeft, remembered, clock, onConf, onMachines, onLease } = this.#parts;
    const identity = { self, name, incarnation, configHash, configText, trackingToken };
    const start = { read: readText, carried, nothingLeft, remembered };
    this.#node = machines.makeNode(conf, { ...identity, watchdog, machine }, start);
    this.#loop = new EventLoop({
      node: this.#node,
      clock,
      log,
      agents: this.#watched(agents),
      postToRing: (input) => {
        // The state exchange of the groups must end before the ring is told.
        if (input.type === "sync-done") this.#groups.push({ ...input, type: "exchanged" });
        else this.#thread.post(input);
      },
      ...{ prepareText, onConf, onMachines, onLease },
      onKillBroker: (why) => this.#broker?.requireEnd(why),
      onLookAtBroker: (done) => {
        if (this.#broker === null) done("its node does not observe it");
        else this.#broker.askNow(done);
      },
      onFailover: (failover) => this.#parts.failovers.note(failover),
      onToldToLeave: this.#parts.onToldToLeave,
      onEnd: (end) => this.#onNodeEnd(end),
      onTurn: () => this.#onTurn(),
    });
    this.#loop.push({ type: "begin" });
    if (this.#shutdown !== null) this.#loop.push({ type: "shutdown", ...this.#shutdown });
  }

  #onNodeEnd(end: NodeEnd): void {
    this.#loop?.end();
    if (end.type === "left") this.#thread.post({ type: "leave" });
    else this.#close(end);
  }

  #close(end: LifeEnd): void {
    if (this.#ended) return;
    this.#finish();
    this.#parts.onEnd(end);
  }

  /** When agents last fenced each node. */
  #fencedAt(): ReadonlyMap<NodeId, number> {
    const fenced = this.#node?.snapshot.fence.snapshot().fenced ?? [];
    const agents = fenced.filter(({ how }) => how === "agent" || how === "external");
    return new Map(agents.map(({ node, at }) => [node, at]));
  }

  /**
   * Reports members that came back without a restart. A node with unfence devices is only cut off
   * from its disks and let in again, so it lives on.
   */
  #accuse(survivors: readonly NodeId[]): void {
    const { nodes } = this.#node?.conf ?? this.#parts.conf;
    for (const { id, name, unfence } of nodes) {
      if (!survivors.includes(id) || unfence.length > 0) continue;
      const text =
        `${name} was fenced and is back with the same life: its fence device has not switched it ` +
        "off, and services may have run twice; try it with fence_check-ts and fence_node-ts";
      this.#parts.log.write("fencing", "alert", { text });
    }
  }

  #see(state: RingView["state"]): void {
    this.#ringView = { ...this.#ringView, state };
  }

  #say(level: LogPriority, text: string): void {
    this.#parts.log.write("totem", level, { text });
  }
}

function viewOf(
  status: Extract<RingThreadOutput, { readonly type: "snapshot" }>["status"],
): RingView {
  const named = (prefix: string, counters: Readonly<Record<string, number>>) =>
    Object.entries(counters).map(([name, count]) => [`${prefix}${name}`, count] as const);
  return {
    state: status.ring.state,
    rotation: rotationOf(status.rotation),
    counters: Object.fromEntries([
      ...named("", status.ring.counters),
      ...named("dropped_", status.drops),
      ...named("", status.transport),
      ["stalls", status.stalls.count],
      ["stall_worst_ms", Math.round(status.stalls.worstMs)],
    ]),
  };
}

function rotationOf({ rotations, ...figures }: RotationRecord): RingView["rotation"] {
  return rotations === 0 ? null : figures;
}

/** A daemon without a cluster: the published three-node example, and replies on demand. */

import type {
  ControlBackend,
  LockCommand,
  ServiceCommand,
} from "../../src/control/control-server.ts";
import type {
  AgentsOrder,
  ConfInForce,
  OperatorBackend,
  RunReply,
  VoteOrder,
} from "../../src/control/operator-protocol.ts";
import type { ControlEvent, LeaveBody, ServiceReply } from "../../src/control/protocol.ts";
import type { Acceptance } from "../../src/model/acceptance.ts";
import type { FencingStatus, NodeFencing } from "../../src/model/fencing-status.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type {
  ClusterStatus,
  NodeStatus,
  PastFailover,
  ServiceStatus,
} from "../../src/model/status.ts";
import { LoneGroups } from "./lone-groups.ts";

/** Monday 10 March 2014, 10:00:00 UTC. */
export const exampleNow = 1394445600;

export function exampleNode(id: number, changes: Partial<NodeStatus> = {}): NodeStatus {
  const name = `node${id}.example.com`;
  const up = { online: true, ready: true };
  const member = changes.online ?? true;
  return {
    id,
    name,
    votes: 1,
    address: `20.0.20.${id}`,
    incarnation: member ? 1394441000000 + id : 0,
    joinedGeneration: member ? 4 * id : 0,
    joinedAt: member ? exampleNow - 3600 + id : 0,
    local: id === 1,
    fence: "clean",
    ...up,
    ...changes,
  };
}

export function exampleService(name: string, changes: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    name: `service:${name}`,
    state: "started",
    frozen: false,
    partial: false,
    owner: 1,
    lastOwner: 0,
    restarts: 0,
    transition: exampleNow,
    waitingFor: null,
    wait: null,
    candidates: [],
    brokers: [],
    notes: [],
    decisions: [],
    failovers: [],
    ...changes,
  };
}

export const exampleFailover: PastFailover = {
  at: exampleNow - 86399,
  kind: "node-lost",
  from: 1,
  to: 2,
  totalMs: 538,
  phases: [
    { phase: "detected", ms: 205, node: 1, how: "", parts: [] },
    { phase: "ring", ms: 12, node: 1, how: "", parts: [] },
    { phase: "off", ms: 3, node: 1, how: "certificate", parts: [] },
    { phase: "start", ms: 318, node: 2, how: "", parts: [{ part: "address", ms: 30 }] },
  ],
};

/** Nodes and services are deliberately not in the order in which they are printed. */
export function exampleStatus(changes: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    cluster: {
      name: "qpid-test",
      id: 12345,
      configVersion: 3,
      configHash: "0a1b2c",
      configChange: null,
    },
    now: exampleNow,
    localNode: 1,
    generation: 8,
    ring: {
      state: "operational",
      id: "1.8",
      transport: "udp",
      multicast: "239.192.48.57",
      rotation: { minMs: 0.127, meanMs: 0.3145, maxMs: 181.2, p99Ms: 2.25 },
      counters: { sent: 12, "dropped auth": 1 },
    },
    quorum: {
      quorate: true,
      votes: 2,
      expectedVotes: 3,
      quorum: 2,
      twoNode: false,
      reason: "2 of 3 votes, 2 needed",
    },
    nodes: [exampleNode(3, { online: false, ready: false }), exampleNode(1), exampleNode(2)],
    services: [
      exampleService("qpidd-primary-service"),
      exampleService("node2-qpidd-service", { owner: 2, frozen: true }),
      exampleService("node1-qpidd-service"),
      exampleService("node3-qpidd-service", { state: "stopped", owner: 0, lastOwner: 3 }),
    ],
    locked: false,
    lease: { held: true, remainingMs: 1800 },
    tracking: "cgroups",
    agents: { overdue: [], overdueChecks: 4, untried: 2 },
    broker: {
      state: "active",
      text: "",
      services: ["service:node1-qpidd-service", "service:qpidd-primary-service"],
    },
    watchdog: { state: "armed", text: "/dev/watchdog (iTCO_wdt), 5 s" },
    failovers: { kinds: [], parts: [] },
    ...changes,
  };
}

export function exampleFencing(changes: Partial<FencingStatus> = {}): FencingStatus {
  const device = { device: "apc1", agent: "fence_apc", action: "default" };
  const node = (id: number, rest: Partial<NodeFencing> = {}): NodeFencing => ({
    id,
    name: `node${id}.example.com`,
    member: true,
    victim: false,
    lastMaster: 0,
    how: "none",
    at: 0,
    state: "clean",
    methods: [{ name: "power", devices: [device, { ...device, device: "apc2" }] }],
    unfence: [],
    ...rest,
  });
  const lost = { member: false, lastMaster: 1, how: "agent", at: exampleNow } as const;
  return {
    joined: true,
    localNode: 1,
    master: 1,
    waitState: "none",
    victimNow: 0,
    nodes: [node(1), node(2), node(3, lost)],
    ...changes,
  };
}

/** Answers every request with `reply`, or, after `hold()`, only once `release()` is called. */
export class FakeBackend implements ControlBackend {
  shown: ClusterStatus = exampleStatus();
  reply: ServiceReply = { code: 0, owner: 1, text: "Success" };
  readonly requests: (ServiceCommand | LockCommand)[] = [];
  readonly acknowledged: string[] = [];
  readonly killed: string[] = [];
  reloads = 0;
  reloaded: Acceptance = { accepted: true, text: "" };
  leaves = 0;
  readonly lone = new LoneGroups();
  readonly groups = this.lone.clients;
  /** How the last leave was to be. */
  left: LeaveBody | null = null;
  readonly listeners = new Set<(event: ControlEvent) => void>();
  #held: (() => void)[] | null = null;

  status(): ClusterStatus {
    return this.shown;
  }

  request(request: ServiceCommand | LockCommand): Promise<ServiceReply> {
    this.requests.push(request);
    const held = this.#held;
    if (held === null) return Promise.resolve(this.reply);
    return new Promise((resolve) => {
      held.push(() => resolve(this.reply));
    });
  }

  acknowledge(node: NodeId, by: string): Promise<Acceptance> {
    this.acknowledged.push(`${node} by ${by}`);
    return Promise.resolve({ accepted: this.reply.code === 0, text: this.reply.text });
  }

  reload(): Promise<Acceptance> {
    this.reloads += 1;
    return Promise.resolve(this.reloaded);
  }

  kill(node: NodeId, by: string): Promise<Acceptance> {
    this.killed.push(`${node} by ${by}`);
    return Promise.resolve({ accepted: this.reply.code === 0, text: this.reply.text });
  }

  leave(how: LeaveBody): Acceptance {
    this.left = how;
    this.leaves += 1;
    const accepted = !how.remove || how.force;
    return { accepted, text: accepted ? "" : "it is not safe" };
  }

  inForce: ConfInForce = {
    version: 3,
    hash: "0a1b2c",
    file: "/etc/cluster/cluster.conf",
  };
  readonly farewells: string[] = [];
  readonly ordered: (VoteOrder | AgentsOrder)[] = [];
  answer: Acceptance = { accepted: true, text: "" };
  ran: RunReply = { result: "success", lines: [], text: "done" };
  shownFencing: FencingStatus = exampleFencing();
  readonly operators: OperatorBackend = {
    fencing: () => this.shownFencing,
    confInForce: () => this.inForce,
    leaveAll: (who) => {
      this.farewells.push(who);
      return Promise.resolve(this.answer);
    },
    change: (order) => {
      this.ordered.push(order);
      return Promise.resolve(this.answer);
    },
    run: async (order) => {
      this.ordered.push(order);
      await this.#runs.promise;
      return this.ran;
    },
  };
  #runs = { promise: Promise.resolve(), release: () => {} };

  holdRuns(): void {
    let release = () => {};
    const promise = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#runs = { promise, release };
  }

  releaseRuns(): void {
    this.#runs.release();
  }

  subscribe(listener: (event: ControlEvent) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const answer of held) answer();
  }

  emit(event: ControlEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

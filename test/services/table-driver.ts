/**
 * A service table and the agents of all nodes, played by the test: operations wait until they are
 * answered, requests wait until the table replies.
 */
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import { FenceDomain } from "../../src/fencing/fence-domain.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId, ServiceName } from "../../src/model/ids.ts";
import type { RequestOutcome } from "../../src/model/request-outcome.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import type { LastPromotion } from "../../src/services/table/broker-records.ts";
import type { ServiceMessage } from "../../src/services/table/service-messages.ts";
import type { Operation, ServiceRecord } from "../../src/services/table/service-state.ts";
import { ServiceTable } from "../../src/services/table/service-table.ts";
import type { TableInput, TableOutput } from "../../src/services/table/table-events.ts";
import { id, service } from "../sim/cluster.ts";
import { outcomeWord } from "../sim/cluster-machine.ts";

type Awaited = {
  readonly service: ServiceName;
  readonly operation: Operation;
  readonly unproven: boolean;
};

type Look = Extract<TableOutput, { readonly type: "look-at-broker" }>;

export class TableDriver {
  readonly table: ServiceTable;
  /** Operations that no agent has answered, oldest first. */
  readonly operations: Awaited[] = [];
  /** Starts that need not go on. */
  readonly aborted: number[] = [];
  readonly notices: string[] = [];
  readonly granted: NodeId[] = [];
  /** Nodes whose broker must end. */
  readonly killed: NodeId[] = [];
  /** How often all members were told to leave. */
  farewells = 0;
  /** By the number of the request. */
  readonly outcomes = new Map<number, RequestOutcome>();
  nowMs = 1_000_000;
  /** Told of every input and what came of it. */
  onStep: (input: TableInput, outputs: readonly TableOutput[]) => void = () => {};
  #lives = new Map<number, number>();
  #requests = 0;

  /** Hash of the configuration that is to be voted on. */
  examined: string | null = null;
  /** What nodes say that they have kept when they are ready. */
  kept: readonly ServiceName[] = [];
  /** Members on other machines than before, whose leases may not have ended. */
  moved: readonly number[] = [];
  readonly adopted: string[] = [];
  /** Questions to brokers that have no answer yet. */
  readonly looks: Look[] = [];
  /** Whether each question is answered well at once. */
  answersLooks = true;
  /** Versions that the table has switched to. */
  readonly switched: number[] = [];

  constructor(conf: ClusterConf, texts: Readonly<Record<string, ClusterConf>> = {}) {
    const fence = new FenceDomain(conf, id(1));
    fence.begin(4);
    const suspects = fence.snapshot().victims.map((victim) => victim.node);
    this.table = ServiceTable.fresh(conf, suspects, (text) => texts[text] ?? null);
  }

  step(input: TableInput): this {
    const outputs = this.table.step(input);
    this.onStep(input, outputs);
    for (const output of outputs) this.#note(output);
    while (this.answersLooks && this.looks.length > 0) this.looked();
    return this;
  }

  say(message: ServiceMessage): this {
    return this.step({ type: "message", message });
  }

  /** A configuration; nodes that were away have a new life. */
  view(...members: readonly number[]): this {
    const before = new Map(this.#lives);
    this.#lives = new Map(members.map((node) => [node, before.get(node) ?? this.#nextLife()]));
    return this.step({
      type: "membership",
      moved: this.moved.map(id),
      members: members.map((node) => ({ node: id(node), life: this.life(node) })),
      continuing: members.filter((node) => before.has(node)).map(id),
    });
  }

  /** They run nothing, and may not yet. */
  clean(...nodes: readonly number[]): this {
    for (const node of nodes) this.#sign("ready", node, false);
    return this;
  }

  ready(...nodes: readonly number[]): this {
    for (const node of nodes) this.#sign("ready", node);
    return this;
  }

  leaving(node: number): this {
    return this.#sign("leaving", node);
  }

  left(node: number): this {
    return this.#sign("left", node);
  }

  /** `verified`: a device has switched it off; otherwise its lease must have ended. */
  fenced(node: number, verified = true): this {
    const how = verified ? "agent" : "self";
    return this.step({ type: "fenced", node: id(node), how, verified, atMs: this.nowMs });
  }

  life(node: number): number {
    return this.#lives.get(node) ?? 0;
  }

  /** Answers the oldest awaited operation. */
  answer(outcome: "ok" | "failed" = "ok", { partial } = { partial: false }): this {
    const awaited = this.operations.shift();
    if (awaited === undefined) throw new Error("no operation is awaited");
    return this.result(awaited.operation, outcome, { partial });
  }

  result(operation: Operation, outcome: "ok" | "failed", { partial } = { partial: false }): this {
    const { id: op, node, life } = operation;
    const text = outcome === "ok" ? "" : "agent says no";
    return this.say({ type: "op-result", node, life, op, outcome, partial, text, at: this.nowMs });
  }

  /** Every awaited operation succeeds, until nothing is awaited. */
  succeed(): this {
    while (this.operations.length > 0) this.answer();
    return this;
  }

  /** A check of the service fails where it runs. */
  checkFails(name: string, type: "status-failed" | "part-failed" = "status-failed"): this {
    const record = this.record(name);
    if (record.owner === null) throw new Error(`${name} runs nowhere`);
    const node = record.owner;
    return this.say({
      type,
      node,
      life: this.life(node),
      service: service(name),
      startOp: record.startOp,
      text: "dead",
      at: this.nowMs,
    });
  }

  /** Returns the number of the request. */
  request(
    origin: number,
    operation: ServiceOperation,
    of: { readonly service: string; readonly target?: number; readonly byDomain?: boolean },
  ): number {
    this.#requests += 1;
    this.say({
      type: "request",
      ref: { node: id(origin), life: this.life(origin), number: this.#requests },
      operation,
      service: service(of.service),
      target: of.target === undefined ? null : id(of.target),
      byDomain: of.byDomain ?? false,
      at: this.nowMs,
    });
    return this.#requests;
  }

  /** Returns the number of the request. */
  lock(origin: number, locked: boolean): number {
    this.#requests += 1;
    const ref = { node: id(origin), life: this.life(origin), number: this.#requests };
    this.say({ type: "lock", ref, locked, at: this.nowMs });
    return this.#requests;
  }

  /** Returns the number of the request. */
  propose(origin: number, text: string, version: number): number {
    this.#requests += 1;
    const ref = { node: id(origin), life: this.life(origin), number: this.#requests };
    const body = { version, hash: `hash of ${text}`, text, at: this.nowMs };
    this.say({ type: "conf-propose", ref, ...body });
    return this.#requests;
  }

  vote(node: number, accepted: boolean): this {
    const hash = this.examined ?? "";
    const verdict = { hash, accepted, text: accepted ? "" : "not here" };
    const signature = { node: id(node), life: this.life(node), at: this.nowMs };
    return this.say({ type: "conf-vote", ...signature, ...verdict });
  }

  initDone(node: number, version: number): this {
    const signature = { node: id(node), life: this.life(node), at: this.nowMs };
    return this.say({ type: "init-done", ...signature, version });
  }

  /** The node sees another state of its broker. */
  sees(node: number, sight: BrokerSight, remembers: LastPromotion | null = null): this {
    const signature = { node: id(node), life: this.life(node), at: this.nowMs };
    return this.say({ type: "broker-seen", ...signature, sight, remembers });
  }

  /** The node of the oldest question has asked its broker; null: it could be promoted. */
  looked(problem: string | null = null): this {
    const look = this.looks.shift();
    if (look === undefined) throw new Error("no broker was to be asked");
    const { node, life, move } = look;
    return this.say({ type: "broker-looked", node, life, move, problem, at: this.nowMs });
  }

  tick(afterMs: number): this {
    this.nowMs += afterMs;
    return this.say({ type: "tick", at: this.nowMs });
  }

  record(name: string): ServiceRecord {
    const record = this.table.service(service(name));
    if (record === null) throw new Error(`no service ${name}`);
    return record;
  }

  /** `started 1`, or `stopped (1)` with the last owner. */
  shown(name: string): string {
    const { state, owner, lastOwner } = this.record(name);
    return `${state} ${owner ?? `(${lastOwner ?? "none"})`}`;
  }

  /** What has become of the request: `done`, or why not; null while it waits. */
  outcome(number: number): ReturnType<typeof outcomeWord> {
    return outcomeWord(this.outcomes.get(number) ?? null);
  }

  /** The oldest awaited operation of the service: `stop on 1`, or `nothing`. */
  awaited(name: string): string {
    const found = this.operations.find((one) => one.service === service(name));
    return found === undefined ? "nothing" : `${found.operation.kind} on ${found.operation.node}`;
  }

  #nextLife(): number {
    this.nowMs += 1;
    return this.nowMs;
  }

  #sign(type: "ready" | "leaving" | "left", node: number, hosts = true): this {
    const signature = { node: id(node), life: this.life(node), at: this.nowMs };
    const ready = { ...signature, hosts, kept: this.kept };
    return this.say(type === "ready" ? { type, ...ready } : { type, ...signature });
  }

  #note(output: TableOutput): void {
    switch (output.type) {
      case "moved-on":
      case "awaited":
      case "off":
        return;
      case "run":
        this.operations.push(output);
        return;
      case "adopt":
        this.adopted.push(`${output.service} on ${output.node}`);
        return;
      case "abort":
        this.aborted.push(output.operation.id);
        return;
      case "reply":
        if (this.outcomes.has(output.ref.number)) throw new Error("a request was answered twice");
        this.outcomes.set(output.ref.number, output.outcome);
        return;
      case "examine":
        this.examined = output.hash;
        return;
      case "prepare":
        return;
      case "switch":
        this.switched.push(output.conf.version);
        return;
      case "departure-granted":
        this.granted.push(output.node);
        return;
      case "look-at-broker":
        this.looks.push(output);
        return;
      case "kill-broker":
        this.killed.push(output.node);
        return;
      case "leave-all":
        this.farewells += 1;
        return;
      case "notice":
        this.notices.push(`${output.level}: ${output.text}`);
        return;
    }
  }
}

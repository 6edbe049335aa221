/**
 * A simulated cluster: cluster nodes on virtual time, over any membership layer, with virtual
 * machines below. Judges look at the machines after every step; they know no internals.
 */

import { ProcessGroups } from "../../src/groups/process-groups.ts";
import type { LogSink } from "../../src/io/ports.ts";
import type { NodeRequest } from "../../src/life/event-loop.ts";
import { FailoverLog } from "../../src/life/failover-log.ts";
import type { GroupClients } from "../../src/life/group-clients.ts";
import { followLife, type LifeEnd } from "../../src/life/life-end.ts";
import { nodeAgents } from "../../src/life/node-agents.ts";
import { type LifeMachines, NodeLife } from "../../src/life/node-life.ts";
import { notMember } from "../../src/life/operator-replies.ts";
import type { OrderPerformer } from "../../src/life/order-performer.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { LeaseEnd } from "../../src/model/lease-end.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import { refused } from "../../src/model/request-outcome.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import { ms } from "../../src/model/time.ts";
import { ClusterNode } from "../../src/node/cluster-node.ts";
import type { NodeInput, NodeOutput } from "../../src/node/node-events.ts";
import type { QuorumChange } from "../../src/quorum/quorum-messages.ts";
import type { ServiceRecord } from "../../src/services/table/service-state.ts";
import { VirtualWatchdog } from "../guard/virtual-watchdog.ts";
import type { AnswerBox, Machine, ReplyBox } from "./cluster-machine.ts";
import { certify, id, neverStarted, remember, rememberedBy, service } from "./cluster-machine.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { clonePlaces } from "./membership.ts";
import { VirtualGuard } from "./virtual-guard.ts";
import { VirtualHost } from "./virtual-host.ts";
import { virtualPerformer, virtualToken } from "./virtual-performer.ts";
import { VirtualProcess } from "./virtual-process.ts";
import { resultIn } from "./virtual-promise.ts";

export { id, service } from "./cluster-machine.ts";

const firstText = "first";
/** Of nodes 4, 1, 2 and 3, and so on: what they agree on does not hang on it. */
const worksMax = [128, 1, 20, 3];

export class Cluster {
  readonly log: string[] = [];
  /** There was a second machine of one id. */
  copied = false;
  /** How often a watchdog has reset its machine. */
  resets = 0;
  readonly #options: ClusterOptions;
  readonly #machines = new Map<NodeId, Machine>();
  #seen: { readonly changes: number; readonly owners: ReadonlyMap<string, readonly NodeId[]> } = {
    changes: -1,
    owners: new Map(),
  };

  constructor(options: ClusterOptions) {
    this.#options = options;
    for (const { id } of options.conf.nodes) this.#machines.set(id, this.#newMachine(id, id));
  }

  #newMachine(node: NodeId, place: NodeId): Machine {
    const { time, clocks, judge } = this.#options;
    const conf = () => this.conf;
    const wallMs = () => ms(time.nowMs);
    return {
      node,
      host: new VirtualHost(time, `20.0.20.${node}`, () => judge?.(this)),
      clock: clocks?.get(node) ?? time,
      watchdog: this.#newWatchdog(place),
      file: firstText,
      failovers: new FailoverLog({ self: node, conf, clock: { wallMs }, log: this.#logOf(place) }),
      ...neverStarted,
    };
  }

  /** The failovers that the node has seen. */
  failovers(node: number): FailoverLog {
    return this.#machine(node).failovers;
  }

  /** A copy of the node's machine and of its state is started beside it. Returns its place. */
  clone(node: number): NodeId {
    this.copied = true;
    const original = this.#machine(node);
    const place = id(node + clonePlaces);
    const copy = this.#machines.get(place) ?? this.#newMachine(original.node, place);
    this.#machines.set(place, Object.assign(copy, { file: original.file }));
    if (copy.daemon === null) this.#boot(place);
    return place;
  }

  /** Its power is off for good, until the node is copied again. */
  removeClone(node: number, end: "crash" | "fenced" = "crash"): this {
    const place = id(node + clonePlaces);
    return this.#machines.has(place) ? this.crash(place, end) : this;
  }

  get nodes(): readonly NodeId[] {
    return this.#options.conf.nodes.map((node) => node.id);
  }

  get conf(): ClusterConf {
    return this.#options.conf;
  }

  host(node: number): VirtualHost {
    return this.#machine(node).host;
  }

  /** Null while there is no daemon, and while its ring thread starts. */
  node(node: number): ClusterNode | null {
    return this.#machine(node).daemon?.life.node ?? null;
  }

  isUp(node: number): boolean {
    return this.#machine(node).daemon !== null;
  }

  /** The clients of process groups on a node that is up. */
  groups(node: number): GroupClients | null {
    return this.#machine(node).daemon?.life.groups ?? null;
  }

  /** How often a life of the node has begun. */
  boots(node: number): number {
    return this.#machine(node).lives;
  }

  /** When the process of the ended node last ran: it may have been stopped before. */
  silentAtMs(node: number): number {
    return this.#machine(node).silentAtMs;
  }

  /** How the last process of the node has ended. */
  endOf(node: number): Machine["end"] {
    return this.#machine(node).end;
  }

  isPaused(node: number): boolean {
    return this.#machine(node).daemon?.process.stopped === true;
  }

  boot(...nodes: readonly number[]): this {
    for (const node of nodes) this.#boot(id(node));
    return this;
  }

  run(forMs: number): this {
    this.#options.time.runUntil(this.#options.time.nowMs + forMs);
    return this;
  }

  /** Power off: processes, addresses and daemon are gone. */
  crash(node: number, end: "crash" | "fenced" = "crash"): this {
    const machine = this.#machine(node);
    this.#kill(machine, end);
    machine.powerCuts += 1;
    machine.poweredAtMs = machine.clock.nowMs;
    machine.guard?.end("power-off");
    machine.host.crash();
    this.#options.membership.crash(id(node));
    return this;
  }

  /** SIGKILL to the daemon alone: its guard is left, if it has one. */
  killDaemon(node: number): this {
    const machine = this.#machine(node);
    if (machine.daemon === null) return this;
    this.#kill(machine, "crash");
    this.#options.membership.crash(id(node));
    machine.guard?.gone();
    return this;
  }

  /** SIGKILL to the guard; no other one is started. */
  killGuard(node: number): this {
    const machine = this.#machine(node);
    machine.guard?.end("killed");
    machine.guard = null;
    this.#push(node, { type: "guarded", untilMs: 0, atEnd: "kill" });
    return this;
  }

  startGuard(node: number): this {
    const machine = this.#machine(node);
    const { host, clock: time, watchdog, guard: before } = machine;
    const onGuarded = (untilMs: number, atEnd: LeaseEnd): void =>
      this.#options.time.after(0, () => this.#push(node, { type: "guarded", untilMs, atEnd }));
    const send = (frame: Uint8Array) => {
      certify(machine);
      this.#options.membership.certify(id(node), frame);
    };
    machine.guard = new VirtualGuard({
      ...{ time, host, onGuarded, watchdog, before, send },
      daemonLives: () => machine.daemon !== null,
    });
    return this;
  }

  #newWatchdog(node: NodeId): VirtualWatchdog | null {
    const { time, conf } = this.#options;
    const { watchdog } = conf.fencing;
    if (watchdog === null) return null;
    const clock = this.#options.clocks?.get(node) ?? time;
    return new VirtualWatchdog(clock, watchdog, () => {
      this.log.push(`${time.nowMs} node${node} the watchdog resets the machine`);
      this.resets += 1;
      this.crash(node);
    });
  }

  pause(node: number): this {
    const machine = this.#machine(node);
    if (machine.daemon === null || this.isPaused(node)) return this;
    machine.daemon.process.stop();
    machine.pausedAtMs = this.#options.time.nowMs;
    this.#options.membership.pause(id(node));
    return this;
  }

  resume(node: number): this {
    if (!this.isPaused(node)) return this;
    this.#machine(node).daemon?.process.goOn();
    this.#options.membership.resume(id(node));
    return this;
  }

  terminate(node: number, { remove } = { remove: false }): this {
    const daemon = this.#machine(node).daemon;
    daemon?.process.enter(() => {
      daemon.ending = true;
      daemon.life.shutdown(remove);
    });
    return this;
  }

  /** An operator on `node` wants the end of `victim`; the answer appears in the box. */
  kill(node: number, victim: number): ReplyBox {
    return this.#ask(node, { type: "kill", victim: id(victim), who: "operator" });
  }

  /** An operator says on `node` that `victim` is off; the answer appears in the box. */
  acknowledge(node: number, victim: number): ReplyBox {
    return this.#ask(node, { type: "acknowledge", victim: id(victim), who: "operator" });
  }

  /** An operator wants other votes; the answer appears in the box. */
  change(node: number, change: QuorumChange, sentence: string | null = null) {
    const box: AnswerBox = { answer: null };
    const daemon = this.#machine(node).daemon;
    const order = { change, sentence, who: "operator" };
    daemon?.process.enter(() => {
      const { loop } = daemon.life;
      if (loop === null) box.answer = notMember;
      loop?.order(order, ({ accepted, text }) => {
        box.answer = { accepted, text };
      });
    });
    return box;
  }

  /** An operator on `node` had the agents of `victim` run, which was switched off by them. */
  fencedByHand(node: number, victim: number): this {
    const mark = this.node(node)?.snapshot.fence.mark(id(victim));
    if (mark === undefined) throw new Error(`no daemon on node ${node}`);
    const told = { type: "fenced-by-hand", victim: id(victim), mark, text: "by operator" } as const;
    this.#push(node, { ...told, outcome: "begun" });
    this.#options.time.after(1000, () => {
      this.crash(victim, "fenced");
      this.#push(node, { ...told, outcome: "success" });
    });
    return this;
  }

  #ask(node: number, request: NodeRequest): ReplyBox {
    const box: ReplyBox = { reply: null };
    const daemon = this.#machine(node).daemon;
    daemon?.process.enter(() => {
      const { loop } = daemon.life;
      if (loop === null) box.reply = refused("between-lives");
      loop?.ask(request, (outcome) => {
        box.reply = outcome;
      });
    });
    return box;
  }

  /** Somebody sets the machine's wall clock. */
  setWallClock(node: number, byMs: number): this {
    this.#machine(node).wallOffsetMs += byMs;
    return this;
  }

  cut(...groups: readonly (readonly number[])[]): this {
    this.#options.membership.connect(groups.map((group) => group.map(id)));
    return this;
  }

  heal(): this {
    this.#options.membership.connect([this.nodes]);
    return this;
  }

  /** The request's answer appears in the returned box. */
  request(
    node: number,
    operation: ServiceOperation,
    options: { readonly service: string; readonly target?: number; readonly byDomain?: boolean },
  ): ReplyBox {
    return this.#ask(node, {
      type: "request",
      operation,
      service: service(options.service),
      target: options.target === undefined ? null : id(options.target),
      byDomain: options.byDomain ?? false,
    });
  }

  /** Locks or unlocks all services, or orders all members to leave; the answer is in the box. */
  lock(node: number, operation: "lock" | "unlock" | "leave-all"): ReplyBox {
    return this.#ask(node, { type: "request", operation });
  }

  /** Brings in the configuration of that text on all nodes; the answer appears in the box. */
  propose(node: number, text: string): ReplyBox {
    const version = this.#read(text)?.version ?? 0;
    return this.#ask(node, { type: "propose", version, hash: hashOf(text), text });
  }

  setFile(node: number, text: string): this {
    this.#machine(node).file = text;
    return this;
  }

  /** The text that the node would start with. */
  file(node: number): string {
    return this.#machine(node).file;
  }

  /** That of its file. */
  version(node: number): number {
    return this.#read(this.file(node))?.version ?? 0;
  }

  #read(text: string): ClusterConf | null {
    const { conf, texts = {} } = this.#options;
    return text === firstText ? conf : (texts[text] ?? null);
  }

  /** A link has changed, or the last process of a service has ended. */
  checkNow(node: number, name: string | null): this {
    const which = name === null ? null : service(name);
    this.#push(node, { type: "check-now", why: name ?? "link", service: which });
    return this;
  }

  /** The record as this node has it, or null while it has no table. */
  record(node: number, name: string): ServiceRecord | null {
    return this.node(node)?.snapshot.table?.service(service(name)) ?? null;
  }

  /** `state owner (lastOwner)` in one line, for comparison. */
  shown(node: number, name: string): string {
    const record = this.record(node, name);
    if (record === null) return "unknown";
    const owner = record.owner ?? `(${record.lastOwner ?? "none"})`;
    return `${record.state} ${owner}`;
  }

  /** Nodes on which processes of the service run. */
  runningOn(name: string): readonly NodeId[] {
    return this.#whoRuns().get(name.startsWith("service:") ? name : `service:${name}`) ?? [];
  }

  /** By service; looked up anew only when some process has come or gone. */
  #whoRuns(): ReadonlyMap<string, readonly NodeId[]> {
    let changes = 0;
    for (const { host } of this.#machines.values()) changes += host.running.changes;
    if (this.#seen.changes === changes) return this.#seen.owners;
    const owners = new Map<string, NodeId[]>();
    for (const [node, { host }] of this.#machines) {
      const names = new Set([...host.running].map((process) => process.split(" ", 1)[0] ?? ""));
      for (const name of names) owners.set(name, [...(owners.get(name) ?? []), node]);
    }
    this.#seen = { changes, owners };
    return owners;
  }

  holders(address: string): readonly NodeId[] {
    const places = [...this.#machines.keys()];
    return places.filter((place) => this.host(place).addresses.has(address));
  }

  #machine(node: number): Machine {
    const machine = this.#machines.get(id(node));
    if (machine === undefined) throw new Error(`no node ${node}`);
    return machine;
  }

  #boot(node: NodeId): void {
    const machine = this.#machine(node);
    machine.guard?.end("work-done");
    this.startGuard(node);
    const process = this.#newProcess(machine, node);
    const nothingLeft = machine.guard?.nothingLeft === true;
    const performer = this.#newPerformer({ machine, node, process });
    const begun = { machine, node, process, performer };
    const life = this.#newLife(begun, { carried: null, nothingLeft });
    machine.daemon = { life, process, performer, ending: false };
  }

  #newLife(
    { machine, node, process, performer }: Begun & { readonly performer: OrderPerformer },
    from: Pick<LifeParts, "carried" | "nothingLeft">,
  ) {
    const { membership, groups } = this.#options;
    machine.lives += 1;
    const conf = this.#read(machine.file);
    const name = conf?.nodes.find((one) => one.id === machine.node)?.name;
    if (conf === null || name === undefined) throw new Error(`node ${node}: ${machine.file}`);
    const prepared = new Set<string>();
    const life: NodeLife = new NodeLife({
      ...{ conf, self: machine.node, name, trackingToken: virtualToken },
      ...{ configHash: hashOf(machine.file), configText: machine.file },
      watchdog: machine.watchdog !== null,
      machine: `machine ${node}, start ${machine.powerCuts}`,
      ...from,
      remembered: rememberedBy(machine),
      clock: process.clock,
      startRing: (onOutputs) => membership.start(node, process, onOutputs),
      agents: nodeAgents({
        conf: () => this.node(node)?.conf ?? this.conf,
        self: machine.node,
        performer,
        log: this.#logOf(node),
      }),
      machines: {
        ...this.#machinesOf(node),
        ...(groups === undefined ? {} : { makeGroups: groups }),
      },
      log: this.#logOf(node),
      readText: (text) => this.#readOn(node, machine, { text, prepared }),
      prepareText: (text, done) => {
        this.#options.time.after(this.#options.readMs?.(node) ?? 1, () => {
          prepared.add(text);
          process.enter(() => done(null));
        });
      },
      onConf: ({ text }) => void Object.assign(machine, { file: text }),
      onMachines: (known) => remember(machine, known),
      onCertificate: (certificate) => machine.guard?.certify(certificate),
      onLease: (endMs, atEnd) => machine.guard?.arm(endMs, atEnd),
      failovers: machine.failovers,
      onToldToLeave: () => void this.terminate(node),
      onEnd: (end) => this.#onEnd(node, life, end),
      brokerPorts: this.#options.brokerPorts?.(node, process) ?? null,
      onTurn: () => undefined,
    });
    return life;
  }

  #readOn(
    node: NodeId,
    machine: Machine,
    { text, prepared }: { readonly text: string; readonly prepared: ReadonlySet<string> },
  ): ReturnType<LifeParts["readText"]> {
    const prepares = text === machine.file || prepared.has(text);
    const able = prepares && this.#options.cannotRead?.includes(node) !== true;
    const known = able ? this.#read(text) : null;
    if (known === null) return refuse("no such text");
    return accept({ conf: known, hash: hashOf(text), text });
  }

  #newPerformer({ machine, node, process }: Begun): OrderPerformer {
    return virtualPerformer({
      ...{ conf: this.conf, self: machine.node, place: node, host: machine.host, process },
      options: this.#options,
      onContested: (name, why) => this.#push(node, { type: "check-now", why, service: name }),
      // Both are behind the same plug.
      onFenced: (victim) => this.removeClone(victim, "fenced").crash(victim, "fenced"),
    });
  }

  /** What differs between nodes, and steps that somebody measures. */
  #machinesOf(node: NodeId): LifeMachines {
    const { stepped, workMax: given } = this.#options;
    const workMax = given?.(node) ?? worksMax[node % worksMax.length] ?? 1;
    return {
      makeNode: (conf, identity, start) => {
        const of = { ...start, workMax };
        if (stepped === undefined) return new ClusterNode(conf, identity, of);
        return new WatchedNode((...step) => stepped(node, ...step), [conf, identity, of]);
      },
      makeGroups: (self) => new ProcessGroups(self),
    };
  }

  #newProcess(machine: Machine, node: NodeId): VirtualProcess {
    return new VirtualProcess({
      time: machine.clock,
      wallOffsetMs: () => machine.wallOffsetMs,
      passMs: node % 2,
      onTurn: () => this.#options.judge?.(this),
    });
  }

  #logOf(node: NodeId): LogSink {
    const { time } = this.#options;
    return {
      write: (_channel, level, { text }) => {
        this.log.push(`${time.nowMs} node${node} ${level}: ${text}`);
      },
      reopen: () => undefined,
      flush: () => undefined,
    };
  }

  /** Another life begins in the same process, which may still get answers to the earlier one. */
  #onEnd(node: NodeId, life: NodeLife, end: LifeEnd): void {
    const machine = this.#machine(node);
    const { daemon } = machine;
    if (daemon === null) return;
    const { process, performer } = daemon;
    followLife(end, {
      ending: () => daemon.ending,
      carryOver: () => life.node?.carryOver() ?? null,
      killLife: () => life.kill(),
      killEverything: () =>
        resultIn(process, (settle) => {
          performer.endAll((late) => settle([...late, ...machine.host.sweep()].length === 0));
        }),
      say: (channel, text) => this.#logOf(node).write(channel, "crit", { text }),
      begin: (carried) => {
        const begun = { machine, node, process, performer };
        daemon.life = this.#newLife(begun, { carried, nothingLeft: false });
      },
      exit: () => void this.killDaemon(node),
      leave: (clean) => {
        if (clean) machine.guard?.dismiss();
        this.#kill(machine, "left");
        if (!clean) machine.guard?.gone();
      },
    });
  }

  #kill(machine: Machine, end: Machine["end"]): void {
    const paused = machine.daemon?.process.stopped === true;
    machine.silentAtMs = paused ? machine.pausedAtMs : this.#options.time.nowMs;
    machine.end = end;
    machine.daemon?.process.end();
    machine.daemon = null;
  }

  #push(node: number, input: NodeInput): void {
    const daemon = this.#machine(node).daemon;
    daemon?.process.enter(() => daemon.life.loop?.push(input));
  }
}

type LifeParts = ConstructorParameters<typeof NodeLife>[0];
type Begun = {
  readonly machine: Machine;
  readonly node: NodeId;
  readonly process: VirtualProcess;
};
type OnStep = (
  input: NodeInput,
  step: { readonly tookMs: number; readonly outputs: readonly NodeOutput[] },
) => void;

/** Tells how long each of its steps has taken. */
class WatchedNode extends ClusterNode {
  readonly #onStep: OnStep;

  constructor(onStep: OnStep, given: ConstructorParameters<typeof ClusterNode>) {
    super(...given);
    this.#onStep = onStep;
  }

  override step(...[input, now]: Parameters<ClusterNode["step"]>): readonly NodeOutput[] {
    const beganMs = performance.now();
    const outputs = super.step(input, now);
    this.#onStep(input, { tookMs: performance.now() - beganMs, outputs });
    return outputs;
  }
}

function hashOf(text: string): string {
  return `hash of ${text}`;
}

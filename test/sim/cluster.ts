/**
 * A simulated cluster: cluster nodes on virtual time, over any membership layer, with virtual
 * machines below. Judges look at the machines after every step; they know no internals.
 */
import type { ClusterConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import type { LeaseEnd } from "../../src/model/lease-end.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import type { CarriedOver } from "../../src/node/carried-over.ts";
import { ClusterNode } from "../../src/node/cluster-node.ts";
import type { NodeInput, NodeOutput, NodeTimer } from "../../src/node/node-events.ts";
import type { QuorumChange } from "../../src/quorum/quorum-messages.ts";
import type { ServiceRecord } from "../../src/services/service-state.ts";
import { VirtualWatchdog } from "../guard/virtual-watchdog.ts";
import type { Answer, Daemon, Machine, ReplyBox } from "./cluster-machine.ts";
import { id, rememberedBy, service } from "./cluster-machine.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { clonePlaces } from "./hostile-membership.ts";
import { VirtualGuard } from "./virtual-guard.ts";
import { VirtualHost } from "./virtual-host.ts";
import { VirtualTimers } from "./virtual-time.ts";

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
  #requests = 0;
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
    return {
      node,
      host: new VirtualHost(time, `20.0.20.${node}`, () => judge?.(this)),
      clock: clocks?.get(node) ?? time,
      wallOffsetMs: 1e6,
      daemon: null,
      incarnation: 0,
      paused: false,
      end: "none",
      silentAtMs: 0,
      pausedAtMs: 0,
      guard: null,
      watchdog: this.#newWatchdog(place),
      powerCuts: 0,
      file: firstText,
      memory: { known: [], powerCuts: 0 },
      poweredAtMs: 0,
    };
  }

  /** A copy of the node's machine and of its state is started beside it. Returns its place. */
  clone(node: number): NodeId {
    this.copied = true;
    const original = this.#machine(node);
    const place = id(node + clonePlaces);
    const copy = this.#machines.get(place) ?? this.#newMachine(original.node, place);
    this.#machines.set(place, Object.assign(copy, { file: original.file }));
    if (copy.daemon === null) this.#boot(place, "new");
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

  node(node: number): ClusterNode | null {
    return this.#machine(node).daemon?.node ?? null;
  }

  /** How often the node's daemon was started. */
  boots(node: number): number {
    return this.#machine(node).incarnation;
  }

  /** When the crashed node's process last ran: it may have been stopped before. */
  silentAtMs(node: number): number {
    return this.#machine(node).silentAtMs;
  }

  endedCleanly(node: number): boolean {
    return this.#machine(node).end === "left";
  }

  wasFenced(node: number): boolean {
    return this.#machine(node).end === "fenced";
  }

  isPaused(node: number): boolean {
    return this.#machine(node).paused;
  }

  boot(...nodes: readonly number[]): this {
    for (const node of nodes) this.#boot(id(node), "new");
    return this;
  }

  run(forMs: number): this {
    this.#options.time.runUntil(this.#options.time.nowMs + forMs);
    return this;
  }

  /** Power off: processes, addresses and daemon are gone. */
  crash(node: number, end: "crash" | "fenced" = "crash"): this {
    const machine = this.#machine(node);
    machine.silentAtMs = machine.paused ? machine.pausedAtMs : this.#options.time.nowMs;
    this.#kill(machine);
    machine.end = end;
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
    machine.silentAtMs = machine.paused ? machine.pausedAtMs : this.#options.time.nowMs;
    this.#kill(machine);
    machine.end = "crash";
    this.#options.membership.crash(id(node));
    machine.guard?.gone();
    return this;
  }

  /** SIGKILL to the guard; no other one is started. */
  killGuard(node: number): this {
    const machine = this.#machine(node);
    machine.guard?.end("killed");
    machine.guard = null;
    this.#step(id(node), { type: "guarded", untilMs: 0, atEnd: "kill" });
    return this;
  }

  startGuard(node: number): this {
    const machine = this.#machine(node);
    const { host, clock, watchdog, guard: before } = machine;
    const onGuarded = (untilMs: number, atEnd: LeaseEnd): void =>
      this.#options.time.after(0, () => this.#step(id(node), { type: "guarded", untilMs, atEnd }));
    machine.guard = new VirtualGuard({ time: clock, host, onGuarded, watchdog, before });
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
    if (machine.daemon === null || machine.paused) return this;
    machine.paused = true;
    machine.pausedAtMs = this.#options.time.nowMs;
    this.#options.membership.pause(id(node));
    return this;
  }

  resume(node: number): this {
    const machine = this.#machine(node);
    if (!machine.paused) return this;
    machine.paused = false;
    const backlog = machine.daemon?.backlog ?? [];
    if (machine.daemon !== null) machine.daemon.backlog = [];
    for (const input of backlog) this.#step(id(node), input);
    this.#options.membership.resume(id(node));
    return this;
  }

  terminate(node: number, { remove } = { remove: false }): this {
    this.#step(id(node), { type: "shutdown", remove });
    return this;
  }

  /** An operator on `node` wants the end of `victim`; the answer appears in the box. */
  kill(node: number, victim: number): ReplyBox {
    const { box, number } = this.#expectReply(node);
    this.#step(id(node), { type: "kill", number, victim: id(victim), who: "operator" });
    return box;
  }

  /** An operator says on `node` that `victim` is off; the answer appears in the box. */
  acknowledge(node: number, victim: number): ReplyBox {
    const { box, number } = this.#expectReply(node);
    this.#step(id(node), { type: "acknowledge", number, victim: id(victim), who: "operator" });
    return box;
  }

  /** An operator wants other votes; the answer appears in the box. */
  change(node: number, change: QuorumChange, sentence: string | null = null) {
    const box: { answer: Answer | null } = { answer: null };
    this.#requests += 1;
    const number = this.#requests;
    this.#machine(node).daemon?.answers.set(number, ({ accepted, text }) => {
      box.answer = { accepted, text };
    });
    this.#step(id(node), { type: "quorum-order", number, change, sentence, who: "operator" });
    return box;
  }

  /** An operator on `node` had the agents of `victim` run, which was switched off by them. */
  fencedByHand(node: number, victim: number): this {
    const mark = this.node(node)?.snapshot.fence.mark(id(victim));
    if (mark === undefined) throw new Error(`no daemon on node ${node}`);
    const told = { type: "fenced-by-hand", victim: id(victim), mark, text: "by operator" } as const;
    this.#step(id(node), { ...told, outcome: "begun" });
    this.#options.time.after(1000, () => {
      this.crash(victim, "fenced");
      this.#step(id(node), { ...told, outcome: "success" });
    });
    return this;
  }

  #expectReply(node: number): { readonly box: ReplyBox; readonly number: number } {
    const box: ReplyBox = { reply: null };
    this.#requests += 1;
    this.#machine(node).daemon?.replies.set(this.#requests, (outcome) => {
      box.reply = outcome;
    });
    return { box, number: this.#requests };
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
    const { box, number } = this.#expectReply(node);
    this.#step(id(node), {
      type: "request",
      number,
      operation,
      service: service(options.service),
      target: options.target === undefined ? null : id(options.target),
      byDomain: options.byDomain ?? false,
    });
    return box;
  }

  /** Locks or unlocks all services; the answer appears in the returned box. */
  lock(node: number, operation: "lock" | "unlock"): ReplyBox {
    const { box, number } = this.#expectReply(node);
    this.#step(id(node), { type: "request", number, operation });
    return box;
  }

  /** Brings in the configuration of that text on all nodes; the answer appears in the box. */
  propose(node: number, text: string): ReplyBox {
    const { box, number } = this.#expectReply(node);
    const version = this.#read(text)?.version ?? 0;
    this.#step(id(node), { type: "propose", number, version, hash: hashOf(text), text });
    return box;
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
    this.#step(id(node), { type: "check-now", why: name ?? "link", service: which });
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

  #boot(node: NodeId, guard: "new" | "kept", carried: CarriedOver | null = null): void {
    const machine = this.#machine(node);
    const { membership } = this.#options;
    const conf = this.#read(machine.file);
    if (conf === null) throw new Error(`node ${node} cannot read ${machine.file}`);
    machine.incarnation += 1;
    machine.paused = false;
    if (guard === "new") {
      machine.guard?.end("work-done");
      this.startGuard(node);
    }
    const self = machine.node;
    const name = conf.nodes.find((one) => one.id === self)?.name;
    if (name === undefined) throw new Error(`no name of node ${node}`);
    const daemon: Daemon = {
      node: new ClusterNode(
        conf,
        {
          self,
          name,
          incarnation: machine.incarnation,
          configHash: hashOf(machine.file),
          configText: machine.file,
          trackingToken: "token",
          watchdog: machine.watchdog !== null,
          machine: `machine ${node}, start ${machine.powerCuts}`,
        },
        {
          read: (text) => {
            const prepared = text === machine.file || daemon.prepared.has(text);
            const blind = !prepared || this.#options.cannotRead?.includes(node) === true;
            const read = blind ? null : this.#read(text);
            return read === null
              ? refuse("no such text")
              : accept({ conf: read, hash: hashOf(text), text });
          },
          carried,
          remembered: rememberedBy(machine),
          nothingLeft: guard === "new" && machine.guard?.nothingLeft === true,
          workMax: this.#options.workMax?.(node) ?? worksMax[node % worksMax.length] ?? 1,
        },
      ),
      timers: new VirtualTimers<NodeTimer>(machine.clock, (timer) => {
        if (machine.daemon === daemon) this.#step(node, { type: "timer", timer });
      }),
      replies: new Map(),
      answers: new Map(),
      backlog: [],
      prepared: new Set(),
      firstAction: machine.incarnation * 1e6,
    };
    machine.daemon = daemon;
    membership.boot(node, (event) => {
      if (machine.daemon === daemon) this.#step(node, event);
    });
    this.#step(node, { type: "begin" });
  }

  #kill(machine: Machine): void {
    machine.daemon?.timers.disarmAll();
    machine.daemon = null;
    machine.paused = false;
  }

  #step(node: NodeId, input: NodeInput): void {
    const { judge, stepped } = this.#options;
    const machine = this.#machine(node);
    const { daemon, wallOffsetMs } = machine;
    if (daemon === null) return;
    if (machine.paused) {
      daemon.backlog.push(input);
      return;
    }
    const { nowMs } = machine.clock;
    const now = { monotonicMs: nowMs, boottimeMs: nowMs, wallMs: nowMs + wallOffsetMs };
    const beganMs = stepped === undefined ? 0 : performance.now();
    const outputs = daemon.node.step(input, now);
    stepped?.(node, input, { tookMs: performance.now() - beganMs, outputs });
    for (const output of outputs) this.#perform(node, daemon, output);
    judge?.(this);
  }

  #perform(node: NodeId, daemon: Daemon, output: NodeOutput): void {
    const { membership } = this.#options;
    const machine = this.#machine(node);
    switch (output.type) {
      case "continue":
        this.#after(node % 2, { node, daemon, input: { type: "continue" } });
        return;
      case "submit":
        membership.submit(node, output.lane, output.envelope);
        return;
      case "sync-done":
        membership.syncDone(node, output.ring);
        return;
      case "lease":
        machine.guard?.arm(output.endMs, output.atEnd);
        return;
      case "arm":
        daemon.timers.arm(output.timer, output.afterMs);
        return;
      case "disarm":
        daemon.timers.disarm(output.timer);
        return;
      case "act":
        machine.host.perform(daemon.firstAction + output.action, output.order, (report) => {
          if (machine.daemon !== daemon) return;
          this.#step(node, { type: "report", action: output.action, report });
        });
        return;
      case "cancel":
        machine.host.kill(daemon.firstAction + output.action);
        return;
      case "fence":
        this.#fence(node, daemon, output);
        return;
      case "unfence":
        this.#unfence(node, daemon, output.run);
        return;
      case "answer":
        daemon.answers.get(output.number)?.(output);
        return;
      case "reply":
        daemon.replies.get(output.number)?.(output.outcome);
        return;
      case "read":
        this.#readLater(node, daemon, output.text);
        return;
      case "stand-down":
      case "configuration":
        if (output.type === "configuration") machine.file = output.text;
        return;
      case "leave":
        machine.guard?.dismiss();
        this.#kill(machine);
        machine.end = "left";
        membership.leave(node);
        return;
      case "restart":
        this.#restart(node, daemon);
        return;
      case "machines":
        machine.memory = { known: output.known, powerCuts: machine.powerCuts };
        return;
      case "killed":
      case "notice":
        this.#tell(node, output);
        return;
    }
  }

  #tell(node: NodeId, output: Extract<NodeOutput, { readonly type: "killed" | "notice" }>): void {
    const level = output.type === "killed" ? "crit" : output.level;
    this.log.push(`${this.#options.time.nowMs} node${node} ${level}: ${output.text}`);
    if (output.type === "killed") this.killDaemon(node);
  }

  #restart(node: NodeId, daemon: Daemon): void {
    const carried = daemon.node.carryOver();
    this.#kill(this.#machine(node));
    this.#options.membership.crash(node);
    this.#boot(node, "kept", carried);
  }

  #readLater(node: NodeId, daemon: Daemon, text: string): void {
    this.#options.time.after(this.#options.readMs?.(node) ?? 1, () => {
      daemon.prepared.add(text);
      const done = { type: "read-done", text, objection: null } as const;
      if (this.#machine(node).daemon === daemon) this.#step(node, done);
    });
  }

  /** Unless that daemon has ended by then. */
  #after(
    delayMs: number,
    to: { readonly node: NodeId; readonly daemon: Daemon; readonly input: NodeInput },
  ): void {
    this.#options.time.after(delayMs, () => {
      if (this.#machine(to.node).daemon === to.daemon) this.#step(to.node, to.input);
    });
  }

  #fence(node: NodeId, daemon: Daemon, output: Extract<NodeOutput, { type: "fence" }>): void {
    const { time, fenceAgent } = this.#options;
    const machine = this.#machine(node);
    const { powerCuts } = machine;
    time.after(this.#options.fenceTakesMs?.(output.node) ?? 20, () => {
      if (machine.powerCuts !== powerCuts) return;
      const outcome = fenceAgent?.(output.node) ?? "failure";
      // Both are behind the same plug.
      const { node: victim, run } = output;
      if (outcome === "success") this.removeClone(victim, "fenced").crash(victim, "fenced");
      if (machine.daemon !== daemon) return;
      const text = `agent ${outcome}`;
      this.#step(node, { type: "fence-verdict", node: victim, run, outcome, text });
    });
  }

  #unfence(node: NodeId, daemon: Daemon, run: number): void {
    const { time, unfenceAgent } = this.#options;
    const machine = this.#machine(node);
    time.after(20, () => {
      const outcome = unfenceAgent?.(node) ?? "success";
      if (machine.daemon !== daemon) return;
      this.#step(node, { type: "unfence-verdict", run, outcome, text: `agent ${outcome}` });
    });
  }
}

function hashOf(text: string): string {
  return `hash of ${text}`;
}

/**
 * One node and two members that have the key and lie: ordered messages, state exchanges and
 * snapshots, right ones and such with numbers at their limits, other ids, parts twice or missing.
 * Broken is any exception: whatever is said to it, a node refuses it or goes on.
 */
import type { AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { refuse } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";
import { ClusterNode } from "../../src/node/cluster-node.ts";
import type { Envelope, NodeInput, NodeOutput } from "../../src/node/node-events.ts";
import { id } from "../sim/cluster.ts";
import { Random } from "../sim/random.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const actsMax = 600;
const limits = [0, -1, 0.5, 2 ** 31, 2 ** 43, 2 ** 52, Number.MAX_SAFE_INTEGER, 1e300];
const members = [1, 2, 3].map(id);
const self = id(1);
const operations = ["enable", "disable", "stop", "restart", "relocate", "freeze"] as const;

type Json = { [name: string]: unknown } | unknown[];

export class OrderedOnslaught {
  readonly tally = new Map<string, number>();
  readonly #random: Random;
  readonly #node: ClusterNode;
  readonly #conf;
  /** Everything that was said, to be said again in another way. */
  readonly #said: Envelope[] = [];
  #snapshots: { readonly table: unknown; readonly fence: unknown }[] = [];
  #queue: NodeInput[] = [];
  #ringSeq = 4;
  #nowMs = 1_000_000;
  #lives = 1;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const devices = this.#random.chance(0.3);
    const methods = [{ name: "m", devices: [{ device: "d", agent: "fence_x", parameters: [] }] }];
    const selfFence = this.#random.pick(["auto", "no", "software"] as const);
    this.#conf = sampleConf({
      fencing: { selfFence, cleanStart: this.#random.chance(0.5) },
      ...(devices ? { fenceMethods: methods } : {}),
    });
    const name = this.#conf.nodes[0]?.name;
    if (name === undefined) throw new Error("no node");
    const told = { configHash: "hash", configText: "text", trackingToken: "t", watchdog: false };
    const machine = "machine";
    const identity = { self, name, incarnation: 1000, machine, ...told };
    this.#node = new ClusterNode(this.#conf, identity, { read: () => refuse("no") });
  }

  /** Null, or what broke. */
  run(): string | null {
    try {
      this.#step({ type: "begin" });
      for (let act = 0; act < actsMax; act += 1) this.#act();
      return null;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }

  #act(): void {
    this.#nowMs += this.#random.below(500);
    const choice = this.#random.below(20);
    if (choice === 0) this.#configure();
    else if (choice < 5 && this.#queue.length > 0) this.#step(this.#queue.shift());
    else if (choice < 7) this.#step({ type: "timer", timer: this.#timer() });
    else if (choice < 9) this.#orderSomething();
    else this.#lie();
    while (this.#queue.length > 20) this.#step(this.#queue.shift());
  }

  #timer(): Extract<NodeInput, { readonly type: "timer" }>["timer"] {
    return this.#random.pick(["tick", "poll", "fence-1", "fence-2", "fence-3", "lease"]);
  }

  /** Another ring; the liars say mostly what fits. */
  #configure(): void {
    this.#ringSeq += 4;
    const ring = { rep: self, seq: this.#ringSeq };
    const some = this.#random.chance(0.7) ? members : members.slice(0, 2);
    const heardAt = members.map((node) => ({
      ...{ node, atMs: this.#nowMs, beforeMs: this.#nowMs },
      formerMs: null,
    }));
    const configuration = { kind: "regular", ring, members: some, left: [], joined: [] } as const;
    if (this.#ringSeq > 8) {
      const trans = { ...configuration, kind: "transitional", ring } as const;
      this.#step({ type: "suspended", reason: "test" });
      this.#step({ type: "configuration", configuration: trans, heardAt });
    }
    this.#step({ type: "configuration", configuration, heardAt });
    this.#drain();
    this.#step({ type: "lease", ring, startMs: this.#nowMs });
    this.#step({ type: "guarded", untilMs: this.#nowMs + 60_000, atEnd: "kill" });
  }

  #drain(): void {
    for (let left = 200; left > 0 && this.#queue.length > 0; left -= 1) {
      this.#step(this.#queue.shift());
    }
  }

  #orderSomething(): void {
    const service = this.#random.pick(this.#conf.services.services).name;
    const operation = this.#random.pick(operations);
    this.#lives += 1;
    const request = { type: "request" as const, number: this.#lives, operation, service };
    this.#step({ ...request, target: null, byDomain: false });
  }

  #lie(): void {
    const from = this.#random.pick([id(2), id(3), ...(this.#random.chance(0.2) ? [self] : [])]);
    const original = this.#said.length === 0 ? null : this.#random.pick(this.#said);
    if (original === null) return;
    const twisted = this.#twisted(structuredClone({ ...original }), from);
    this.#count(`lies of ${original.layer} to a node that is ${this.#node.snapshot.phase}`);
    this.#step({ type: "deliver", from, payload: twisted });
  }

  /** The same in another name, with some values that it cannot have. */
  #twisted(message: Envelope, from: NodeId): unknown {
    const twisted: Json = JSON.parse(JSON.stringify(message));
    if (this.#random.chance(0.8)) rename(twisted, from);
    for (let wounds = this.#random.below(3); wounds > 0; wounds -= 1) this.#wound(twisted);
    return twisted;
  }

  #wound(value: Json): void {
    const places: { readonly holder: Json; readonly name: string }[] = [];
    collect(value, places);
    if (places.length === 0) return;
    const { holder, name } = this.#random.pick(places);
    const fields = holder as Record<string, unknown>;
    const old = fields[name];
    if (typeof old === "number") fields[name] = this.#number(old);
    else if (typeof old === "string") fields[name] = this.#text(old);
    else if (typeof old === "boolean") fields[name] = !old;
    else if (Array.isArray(old)) fields[name] = this.#list(old);
    else if (this.#random.chance(0.5)) fields[name] = null;
  }

  #number(old: number): number {
    const near = [old + 1, old - 1, this.#ringSeq, this.#node.snapshot.life, 1, 2, 3, 77];
    return this.#random.pick(this.#random.chance(0.4) ? limits : near);
  }

  #text(old: string): string {
    const states = [
      "started",
      "stopped",
      "starting",
      "failed",
      "joined",
      "ready",
      "lost",
      "absent",
    ];
    const goals = ["success", "failure", "begun", "ok", "failed", "stopping", "voting", "override"];
    const names = this.#conf.services.services.map(({ name }) => name);
    return this.#random.pick([...states, ...goals, ...names, old, "x".repeat(5000)]);
  }

  #list(old: readonly unknown[]): readonly unknown[] {
    const twice = [...old, ...old];
    return this.#random.pick([[], twice, [...old, 77], Array(5000).fill(2), old.slice(1)]);
  }

  #step(input: NodeInput | undefined): void {
    if (input === undefined) return;
    const now = { monotonicMs: ms(this.#nowMs), boottimeMs: this.#nowMs, wallMs: this.#nowMs };
    for (const output of this.#node.step(input, { ...now, boottimeMs: ms(now.boottimeMs) })) {
      this.#perform(output);
    }
    const { table, fence, complete } = this.#node.snapshot;
    if (table !== null && complete) {
      this.#snapshots = [{ table: table.snapshot(), fence: fence.snapshot() }];
    }
  }

  #perform(output: NodeOutput): void {
    switch (output.type) {
      case "submit":
        this.#submitted(output.envelope);
        return;
      case "act":
        this.#queue.push({
          type: "report",
          action: output.action,
          report: this.#report(output.order),
        });
        return;
      case "fence": {
        const { node, run } = output;
        const outcome = this.#random.pick(["success", "failure"] as const);
        this.#queue.push({ type: "fence-verdict", node, run, outcome, text: "agent" });
        return;
      }
      case "continue":
        this.#queue.push({ type: "continue" });
        return;
      case "read":
        this.#queue.push({ type: "read-done", objection: null, text: output.text });
        return;
      default:
        return;
    }
  }

  /** It comes back, and the others say the like. */
  #submitted(envelope: Envelope): void {
    this.#said.push(envelope);
    if (this.#said.length > 200) this.#said.shift();
    this.#queue.push({ type: "deliver", from: self, payload: envelope });
    if (envelope.layer !== "sync" || envelope.body.type !== "hello") return;
    for (const node of [id(2), id(3)]) {
      const hello: Envelope = { layer: "sync", body: { ...envelope.body, ...this.#past(), node } };
      this.#said.push(hello);
      this.#queue.push({ type: "deliver", from: node, payload: hello });
    }
    const { ring } = envelope.body;
    const history = { ringSeq: this.#ringSeq + 1, version: 9, digest: "d", workedIn: null };
    const configuration = { version: this.#conf.version, hash: "hash", text: "text" };
    for (const state of this.#snapshots) {
      const body = { type: "snapshot" as const, ring, history, configuration, ...state };
      const snapshot: Envelope = { layer: "sync", body };
      this.#said.push(snapshot);
      const payload = this.#twisted(snapshot, id(2));
      this.#queue.push({ type: "deliver", from: id(2), payload });
    }
  }

  /** What the others remember: mostly as this node does, sometimes more. */
  #past(): object {
    if (this.#random.chance(0.6)) return {};
    const workedIn = this.#random.pick([null, 0, this.#ringSeq, Number.MAX_SAFE_INTEGER]);
    const history = { ringSeq: this.#ringSeq + 1, version: 9, digest: "d", workedIn };
    return { history, life: 7 };
  }

  #report(order: AgentOrder): AgentReport {
    if (order.type === "run-process") {
      return { type: "exited", code: this.#random.chance(0.7) ? 0 : 1, output: "" };
    }
    if (order.type === "kill-processes") return { type: "killed", survivors: 0, unseen: [] };
    if (order.type === "list-interfaces")
      return { type: "interfaces", interfaces: [], contested: [] };
    return this.#random.chance(0.8) ? { type: "done" } : { type: "failed", cause: "test" };
  }

  #count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }
}

/** Whoever is said to speak is this node. */
function rename(message: Json, from: NodeId): void {
  const body: unknown = Array.isArray(message) ? null : message["body"];
  if (typeof body !== "object" || body === null) return;
  const fields = body as Record<string, unknown>;
  for (const name of ["node", "by"]) if (name in fields) fields[name] = from;
  const ref = fields["ref"];
  if (typeof ref === "object" && ref !== null) (ref as Record<string, unknown>)["node"] = from;
}

function collect(value: unknown, places: { readonly holder: Json; readonly name: string }[]): void {
  if (typeof value !== "object" || value === null) return;
  const holder = value as Json;
  for (const [name, inner] of Object.entries(holder)) {
    if (name !== "layer" && name !== "type") places.push({ holder, name });
    collect(inner, places);
  }
}

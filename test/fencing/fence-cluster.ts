/**
 * The fence domains of a cluster over one virtual order of messages: what one node submits, all
 * present members apply. Agents answer when the test says so.
 */

import { FenceDomain } from "../../src/fencing/fence-domain.ts";
import type { FenceInput, FenceOutput } from "../../src/fencing/fence-events.ts";
import type { FenceMessage } from "../../src/fencing/fence-messages.ts";
import { NamedTimers } from "../../src/io/timers.ts";
import type { ClusterConf, FenceMethodConf } from "../../src/model/conf.ts";
import { id } from "../sim/cluster.ts";
import { VirtualProcess } from "../sim/virtual-process.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

type RunOutput = Extract<FenceOutput, { readonly type: "run" }>;
type Call = { readonly by: number; readonly output: RunOutput };

/** A method of devices named `agent device`, or `agent device action`. */
export function method(name: string, ...devices: readonly string[]): FenceMethodConf {
  return {
    name,
    devices: devices.map((text) => {
      const [agent = "", device = agent, action] = text.split(" ");
      const own: readonly (readonly [string, string])[] =
        action === undefined ? [] : [["action", action]];
      return { device, agent, parameters: [["ipaddr", device], ...own] };
    }),
  };
}

export class FenceCluster {
  readonly time = new VirtualTime();
  /** Agent calls that were not answered yet. */
  readonly calls: Call[] = [];
  /** What members have concluded: `node 2: fenced 3 (agent: …)`. */
  readonly concluded: string[] = [];
  readonly notices: string[] = [];
  readonly messages: FenceMessage[] = [];
  readonly #conf: ClusterConf;
  readonly #clock = new VirtualProcess({
    time: this.time,
    wallOffsetMs: () => 0,
    passMs: 0,
    onTurn: () => undefined,
  }).clock;
  readonly #domains = new Map<number, FenceDomain>();
  readonly #timers = new Map<number, NamedTimers<string>>();
  readonly #order: FenceMessage[] = [];
  #members: readonly number[] = [];
  #ringSeq = 0;

  constructor(conf: ClusterConf) {
    this.#conf = conf;
    for (const node of conf.nodes) this.renew(node.id);
  }

  /** The node begins anew, without memory. */
  renew(node: number): FenceDomain {
    const domain = new FenceDomain(this.#conf, id(node));
    this.#domains.set(node, domain);
    this.#timers.get(node)?.disarmAll();
    const timers = new NamedTimers<string>({
      clock: this.#clock,
      tentative: [],
      onDue: (firing) => {
        if (!timers.claim(firing)) return;
        const victim = id(Number(firing.timer));
        this.#step(node, { type: "timer", node: victim, wallSeconds: this.wallSeconds });
        this.#deliver();
      },
    });
    this.#timers.set(node, timers);
    return domain;
  }

  get wallSeconds(): number {
    return 1_700_000_000 + Math.floor(this.time.nowMs / 1000);
  }

  domain(node: number): FenceDomain {
    const domain = this.#domains.get(node);
    if (domain === undefined) throw new Error(`no node ${node}`);
    return domain;
  }

  /** A new history with these members. */
  begin(...members: readonly number[]): this {
    this.#ringSeq += 4;
    for (const node of members) this.domain(node).begin(this.#ringSeq);
    this.#members = members;
    return this.view(members, { grown: true });
  }

  /** The history goes on with these members; newcomers take it over from one that knows it. */
  view(
    members: readonly number[],
    rest: {
      readonly grown?: boolean;
      readonly silentMs?: Readonly<Record<number, number>>;
      readonly movedMs?: Readonly<Record<number, number>>;
    } = {},
  ): this {
    this.#ringSeq += 4;
    const knowing = members.find((node) => this.#members.includes(node));
    for (const node of members) {
      if (knowing !== undefined && !this.#members.includes(node)) this.adopt(node, knowing);
    }
    this.#members = members;
    const byNode = (times: Readonly<Record<number, number>> = {}) =>
      new Map(Object.entries(times).map(([key, value]) => [id(Number(key)), value]));
    for (const node of members) {
      this.#step(node, {
        type: "membership",
        ringSeq: this.#ringSeq,
        members: members.map(id),
        silentMs: byNode(rest.silentMs),
        movedMs: byNode(rest.movedMs),
        grown: rest.grown ?? false,
      });
    }
    return this.#deliver();
  }

  /** The node lost its memory and takes that of another one, before the next membership. */
  adopt(node: number, from: number): this {
    this.renew(node).adopt(this.domain(from).snapshot());
    return this;
  }

  ready(node: number, life = 1): this {
    this.all({ type: "ready", ready: { node: id(node), life, at: 0, hosts: true, kept: [] } });
    return this.#deliver();
  }

  /** The same ordered input to every member. */
  all(input: FenceInput): this {
    for (const node of this.#members) this.#step(node, input);
    return this;
  }

  say(message: FenceMessage): this {
    this.#order.push(message);
    return this.#deliver();
  }

  run(forMs: number): this {
    this.time.runUntil(this.time.nowMs + forMs);
    return this;
  }

  /** Takes the oldest unanswered call: `by 1: off nps1 of node3.example.com`. */
  call(): string {
    const [call] = this.calls;
    return call === undefined ? "none" : describeCall(call);
  }

  /** Answers the oldest unanswered call. */
  answer(outcome: "success" | "failure", text = `agent ${outcome}`): this {
    const call = this.calls.shift();
    if (call === undefined) throw new Error("no agent is running");
    const { by, output } = call;
    const { node, run } = output;
    const { wallSeconds } = this;
    this.#step(by, { type: "verdict", node, run, outcome, text, wallSeconds });
    return this.#deliver();
  }

  /** Answers every call with the same outcome; returns what was called. */
  answerAll(outcome: "success" | "failure"): readonly string[] {
    const called: string[] = [];
    while (this.calls.length > 0) {
      called.push(this.call());
      this.answer(outcome);
    }
    return called;
  }

  #step(node: number, input: FenceInput): void {
    for (const output of this.domain(node).step(input)) this.#perform(node, output);
  }

  #perform(by: number, output: FenceOutput): void {
    const timers = this.#timers.get(by);
    switch (output.type) {
      case "submit":
        this.#order.push(output.message);
        return;
      case "arm":
        timers?.arm(String(output.node), output.afterMs);
        return;
      case "disarm":
        timers?.disarm(String(output.node));
        return;
      case "run":
        this.calls.push({ by, output });
        return;
      case "fenced":
        this.concluded.push(`node ${by}: fenced ${output.node} (${output.how}: ${output.text})`);
        return;
      case "ready":
        this.concluded.push(`node ${by}: ready ${output.ready.node}`);
        return;
      case "notice":
        this.notices.push(`node ${by} ${output.level}: ${output.text}`);
        return;
    }
  }

  #deliver(): this {
    for (let next = this.#order.shift(); next !== undefined; next = this.#order.shift()) {
      this.messages.push(next);
      this.all({ type: "message", message: next });
    }
    return this;
  }
}

function describeCall({ by, output }: Call): string {
  const { order } = output;
  if (order.type === "self") return `by ${by}: self`;
  return `by ${by}: ${order.action ?? "default"} ${order.use.device} of ${order.victim}`;
}

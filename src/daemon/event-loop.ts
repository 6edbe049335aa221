/**
 * The loop of the cluster node: its inputs, its timers, and what its outputs mean here.
 * Decides nothing.
 */
import { encodePayload } from "../io/payload-codec.ts";
import type { Clock, Firing, LogSink } from "../io/ports.ts";
import { NamedTimers } from "../io/timers.ts";
import { StepLoop } from "../loop/step-loop.ts";
import { messageBytesMax } from "../membership/ring-events.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";
import { failed, type RequestOutcome, refused } from "../model/request-outcome.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { Configuration } from "../node/configurations.ts";
import type {
  KnownMachine,
  NodeInput,
  NodeOutput,
  NodeTimer,
  Proposal,
  UserRequest,
} from "../node/node-events.ts";
import type { QuorumChange } from "../quorum/quorum-messages.ts";
import { unfence } from "./fence-desk.ts";
import type { OrderPerformer } from "./order-performer.ts";
import type { RingThreadInput } from "./ring-port.ts";

export type LoopAnswer = { readonly accepted: boolean; readonly text: string };

const noAnswer: LoopAnswer = { accepted: false, text: "this node is not a member" };

type Queued =
  | { readonly type: "input"; readonly input: NodeInput }
  | { readonly type: "firing"; readonly firing: Firing<NodeTimer> };

/** `killed`: by an operator, `text` says by whom. */
export type NodeEnd =
  | { readonly type: "left" }
  | { readonly type: "restart" }
  | { readonly type: "killed"; readonly text: string };

export type LoopParts = {
  readonly conf: ClusterConf;
  readonly node: ClusterNode;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly performer: OrderPerformer;
  readonly postToRing: (input: Exclude<RingThreadInput, { readonly type: "start" }>) => void;
  /** Another configuration is in force. */
  readonly onConfiguration: (configuration: Configuration) => void;
  /** Where the other nodes are: to be kept for the next life. */
  readonly onMachines: (known: readonly KnownMachine[]) => void;
  /** Gathers what it takes to read a configuration's text; returns what is wrong with it here. */
  readonly prepareText: (text: string) => Promise<string | null>;
  /** The lease lasts longer; the guard has to hear of it. */
  readonly onLease: (endMs: number, atEnd: LeaseEnd) => void;
  /** The node has left (`restart`: and wants a new life). Nothing is performed afterwards. */
  readonly onEnd: (end: NodeEnd) => void;
  /** Called after each turn: what is shown may have changed. */
  readonly onTurn: () => void;
};

/** A turn that takes longer is reported: it holds up everything else. */
const slowTurnMs = 250;

export class EventLoop {
  readonly #parts: LoopParts;
  readonly #timers: NamedTimers<NodeTimer>;
  readonly #loop: StepLoop<Queued, NodeOutput>;
  readonly #replies = new Map<number, (outcome: RequestOutcome) => void>();
  readonly #answers = new Map<number, (answer: LoopAnswer) => void>();
  #requests = 0;
  /** Of agents that run because this node is quorate. */
  #permit = new AbortController();
  /** When the machine began with what waited; null: it is idle. */
  #busySinceMs: number | null = null;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#loop = new StepLoop({
      step: (entry) => this.#step(entry),
      perform: (output) => this.#perform(output),
      onIdle: () => this.#onIdle(),
    });
    this.#timers = new NamedTimers<NodeTimer>({
      clock: parts.clock,
      tentative: ["lease"],
      onDue: (firing) => this.#loop.push({ type: "firing", firing }),
    });
  }

  push(input: NodeInput): void {
    this.#loop.push({ type: "input", input });
  }

  /** Resolves when the request is answered; at the latest when this life of the node ends. */
  request(request: UserRequest): Promise<RequestOutcome> {
    return this.#ask((number) => ({ type: "request", number, ...request }));
  }

  /** Orders the end of a member. */
  kill(victim: NodeId, who: string): Promise<RequestOutcome> {
    return this.#ask((number) => ({ type: "kill", number, victim, who }));
  }

  /** Passes an operator's word on. */
  acknowledge(victim: NodeId, who: string): Promise<RequestOutcome> {
    return this.#ask((number) => ({ type: "acknowledge", number, victim, who }));
  }

  /** Orders other votes; resolves when all members go by them, or with the refusal in words. */
  quorumOrder(order: {
    readonly change: QuorumChange;
    readonly sentence: string | null;
    readonly who: string;
  }): Promise<LoopAnswer> {
    if (this.#loop.ended) return Promise.resolve(noAnswer);
    this.#requests += 1;
    const number = this.#requests;
    return new Promise((resolve) => {
      this.#answers.set(number, resolve);
      this.push({ type: "quorum-order", number, ...order });
    });
  }

  /** Orders another configuration. */
  propose(wish: Omit<Proposal, "number">): Promise<RequestOutcome> {
    return this.#ask((number) => ({ type: "propose", number, ...wish }));
  }

  #ask(input: (number: number) => NodeInput): Promise<RequestOutcome> {
    if (this.#loop.ended) return Promise.resolve(refused("between-lives"));
    this.#requests += 1;
    const number = this.#requests;
    return new Promise((resolve) => {
      this.#replies.set(number, resolve);
      this.push(input(number));
    });
  }

  /** Nothing is stepped or performed any more; waiting users are answered. */
  end(): void {
    this.#loop.end();
    this.#permit.abort();
    this.#timers.disarmAll();
    for (const resolve of this.#replies.values()) resolve(failed("life-ended"));
    this.#replies.clear();
    for (const resolve of this.#answers.values()) resolve(noAnswer);
    this.#answers.clear();
  }

  #onIdle(): void {
    const { clock } = this.#parts;
    const tookMs = Math.round(clock.monotonicMs() - (this.#busySinceMs ?? clock.monotonicMs()));
    this.#busySinceMs = null;
    if (tookMs > slowTurnMs) {
      const text = `the main loop was held up for ${tookMs} ms`;
      this.#parts.log.write("services", "warning", { text });
    }
    this.#parts.onTurn();
  }

  #step(entry: Queued): readonly NodeOutput[] {
    const { clock, node } = this.#parts;
    if (entry.type === "firing" && !this.#timers.claim(entry.firing)) return [];
    const input: NodeInput =
      entry.type === "input" ? entry.input : { type: "timer", timer: entry.firing.timer };
    const now = {
      monotonicMs: clock.monotonicMs(),
      boottimeMs: clock.boottimeMs(),
      wallMs: clock.wallMs(),
    };
    this.#busySinceMs ??= now.monotonicMs;
    return node.step(input, now);
  }

  #perform(output: NodeOutput): void {
    const { performer, postToRing, log, onLease } = this.#parts;
    switch (output.type) {
      case "continue":
        this.#parts.clock.soon(() => this.push({ type: "continue" }));
        return;
      case "submit":
        this.#submit(output);
        return;
      case "sync-done":
        postToRing(output);
        return;
      case "lease":
        onLease(output.endMs, output.atEnd);
        return;
      case "arm":
        this.#timers.arm(output.timer, output.afterMs);
        return;
      case "disarm":
        this.#timers.disarm(output.timer);
        return;
      case "act":
        void performer.perform(output.action, output.service, output.order).then((report) => {
          this.push({ type: "report", action: output.action, report });
        });
        return;
      case "cancel":
        performer.cancel(output.action);
        return;
      case "fence":
        this.#fence(output);
        return;
      case "unfence":
        void this.#unfence(output.run);
        return;
      case "stand-down":
        this.#permit.abort();
        this.#permit = new AbortController();
        return;
      case "reply":
        this.#replies.get(output.number)?.(output.outcome);
        this.#replies.delete(output.number);
        return;
      case "answer":
        this.#answers.get(output.number)?.(output);
        this.#answers.delete(output.number);
        return;
      case "read":
        void this.#read(output.text);
        return;
      case "machines":
        this.#parts.onMachines(output.known);
        return;
      case "configuration":
        this.#parts.onConfiguration(output);
        return;
      case "leave":
      case "killed":
      case "restart":
        this.#onEnd(output);
        return;
      case "notice":
        log.write(output.channel, output.level, { text: output.text });
        return;
      default:
        assertNever(output);
    }
  }

  #onEnd(output: Extract<NodeOutput, { readonly type: "leave" | "killed" | "restart" }>): void {
    const { log, onEnd } = this.#parts;
    if (output.type === "killed") onEnd(output);
    else if (output.type === "leave") onEnd({ type: "left" });
    else {
      log.write("services", "err", { text: `starting anew: ${output.why}` });
      onEnd({ type: "restart" });
    }
  }

  async #read(text: string): Promise<void> {
    const objection = await this.#parts.prepareText(text);
    this.push({ type: "read-done", text, objection });
  }

  #submit({ lane, envelope }: Extract<NodeOutput, { readonly type: "submit" }>): void {
    const payload = encodePayload(envelope);
    if (payload.length > messageBytesMax) {
      // It is missing from the history of all: this life cannot go on.
      const text = `a message of ${payload.length} bytes cannot be sent; starting anew`;
      this.#parts.log.write("services", "err", { text });
      this.#parts.onEnd({ type: "restart" });
      return;
    }
    this.#parts.postToRing({ type: "submit", lane, payload, safe: true });
  }

  #fence(output: Extract<NodeOutput, { readonly type: "fence" }>): void {
    const { performer, conf, log } = this.#parts;
    const { node, run, order } = output;
    if (order.type !== "agent") return;
    // An agent at work may have switched something already: it goes on to its end.
    const permit = { withdrawn: this.#permit.signal, ends: false };
    void performer.fence(order, conf.fencing.agentTimeoutMs, permit).then((verdict) => {
      const { outcome, output } = verdict;
      const text = output === "" ? verdict.text : `${verdict.text}: ${lastLine(output)}`;
      if (output !== "") log.write("fencing", "info", { text: verdict.text, facts: { output } });
      this.push({ type: "fence-verdict", node, run, outcome, text });
    });
  }

  async #unfence(run: number): Promise<void> {
    const { conf, node } = this.#parts;
    const own = conf.nodes.find(({ id }) => id === node.identity.self);
    if (own === undefined) return;
    const { result, text } = await unfence(this.#parts, own, {
      withdrawn: this.#permit.signal,
      ends: true,
    });
    const outcome = result === "success" ? "success" : "failure";
    this.push({ type: "unfence-verdict", run, outcome, text });
  }
}

/** What goes to the other nodes, and into their logs. */
function lastLine(output: string): string {
  return output.split("\n").at(-1)?.slice(-500) ?? "";
}

/**
 * The loop of the cluster node: queues its inputs, runs its timers and carries out its outputs.
 * Decides nothing.
 * Tested in: test/life/event-loop.test.ts, test/sim/searches.test.ts, test/e2e/failover.test.ts
 */
import { encodePayload } from "../io/payload-codec.ts";
import type { Clock, Firing, LogSink } from "../io/ports.ts";
import { NamedTimers } from "../io/timers.ts";
import { StepLoop } from "../loop/step-loop.ts";
import { messageBytesMax } from "../membership/ring-events.ts";
import type { Acceptance } from "../model/acceptance.ts";
import type { Failover } from "../model/failover-times.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever } from "../model/outcome.ts";
import { failed, type RequestOutcome, refused } from "../model/request-outcome.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { ConfVersion } from "../node/conf-versions.ts";
import type { KnownMachine, NodeInput, NodeOutput, NodeTimer } from "../node/node-events.ts";
import type { QuorumChange } from "../quorum/quorum-messages.ts";
import type { RingThreadInput } from "../ring-thread/ring-port.ts";
import type { NodeAgents } from "./node-agents.ts";
import { notMember } from "./operator-replies.ts";

/** A request to the node, without the number with which it is answered. */
export type NodeRequest = Unnumbered<
  Extract<NodeInput, { readonly type: "request" | "kill" | "acknowledge" | "propose" }>
>;
type Unnumbered<Request> = Request extends unknown ? Omit<Request, "number"> : never;

export type QuorumOrder = {
  readonly change: QuorumChange;
  readonly sentence: string | null;
  readonly who: string;
};

type Queued =
  | { readonly type: "input"; readonly input: NodeInput }
  | { readonly type: "firing"; readonly firing: Firing<NodeTimer> };

/** `killed`: an operator has ended the node; `text` says who. */
export type NodeEnd =
  | { readonly type: "left" }
  | { readonly type: "restart" }
  | { readonly type: "killed"; readonly text: string };

export type LoopParts = {
  readonly node: Pick<ClusterNode, "step">;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly agents: NodeAgents;
  readonly postToRing: (input: Exclude<RingThreadInput, { readonly type: "start" }>) => void;
  /** Another conf is in force. */
  readonly onConf: (conf: ConfVersion) => void;
  /** On which machines the other nodes are; to be stored for the next life. */
  readonly onMachines: (known: readonly KnownMachine[]) => void;
  /** Gathers what is needed to read the text of a conf; `done` gets this node's objection. */
  readonly prepareText: (text: string, done: (objection: string | null) => void) => void;
  /** The lease lasts until `endMs` now; the guard must be told. */
  readonly onLease: (endMs: number, atEnd: LeaseEnd) => void;
  /** Another broker than that of this node is to be the only primary. */
  readonly onKillBroker: (why: string) => void;
  /** Asks the broker of this node; `done` gets why it could not be promoted, or null. */
  readonly onLookAtBroker: (done: (problem: string | null) => void) => void;
  readonly onFailover: (failover: Failover) => void;
  /** An operator has ordered all members to leave. */
  readonly onToldToLeave: () => void;
  /** This life of the node ends. Nothing is performed afterwards. */
  readonly onEnd: (end: NodeEnd) => void;
  /** Called after each turn, since the status may have changed. */
  readonly onTurn: () => void;
};

type BrokerOutput = Extract<NodeOutput, { readonly type: "kill-broker" | "look-at-broker" }>;

type EndOutput = Extract<
  NodeOutput,
  { readonly type: "told-to-leave" | "leave" | "killed" | "restart" }
>;

/** A turn that takes longer is reported, since it delays everything else. */
const slowTurnMs = 250;

export class EventLoop {
  readonly #parts: LoopParts;
  readonly #timers: NamedTimers<NodeTimer>;
  readonly #loop: StepLoop<Queued, NodeOutput>;
  readonly #replies = new Map<number, (outcome: RequestOutcome) => void>();
  readonly #answers = new Map<number, (answer: Acceptance) => void>();
  #requests = 0;
  /** The permit of agents that run because this node is quorate; aborted when quorum is lost. */
  #permit = new AbortController();
  /** When the loop began to work off its queue; null: it is idle. */
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

  /** `done` is called once: when the request is answered, or when this life of the node ends. */
  ask(request: NodeRequest, done: (outcome: RequestOutcome) => void): void {
    if (this.#loop.ended) {
      done(refused("between-lives"));
      return;
    }
    this.#requests += 1;
    this.#replies.set(this.#requests, done);
    this.push({ ...request, number: this.#requests });
  }

  /** Orders other votes; `done` is called once: when all members use them, or with the refusal. */
  order(order: QuorumOrder, done: (answer: Acceptance) => void): void {
    if (this.#loop.ended) {
      done(notMember);
      return;
    }
    this.#requests += 1;
    this.#answers.set(this.#requests, done);
    this.push({ type: "quorum-order", number: this.#requests, ...order });
  }

  /** Ends the loop: nothing is stepped or performed any more, and waiting users are answered. */
  end(): void {
    this.#loop.end();
    this.#permit.abort();
    this.#timers.disarmAll();
    for (const resolve of this.#replies.values()) resolve(failed("life-ended"));
    this.#replies.clear();
    for (const resolve of this.#answers.values()) resolve(notMember);
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
    const { clock, postToRing, log, onLease } = this.#parts;
    switch (output.type) {
      case "continue":
        clock.soon(() => this.push({ type: "continue" }));
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
      case "fence":
      case "unfence":
        this.#runAgents(output);
        return;
      case "cancel":
        this.#parts.agents.cancel(output.action);
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
        this.#read(output.text);
        return;
      case "kill-broker":
      case "look-at-broker":
        this.#performOnBroker(output);
        return;
      case "failover":
        this.#parts.onFailover(output.failover);
        return;
      case "machines":
        this.#parts.onMachines(output.known);
        return;
      case "conf-in-force":
        this.#parts.onConf(output);
        return;
      case "told-to-leave":
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

  #read(text: string): void {
    this.#parts.prepareText(text, (objection) => {
      this.push({ type: "read-done", text, objection });
    });
  }

  #performOnBroker(output: BrokerOutput): void {
    if (output.type === "kill-broker") {
      this.#parts.onKillBroker(output.why);
      return;
    }
    this.#parts.onLookAtBroker((problem) => {
      this.push({ type: "broker-looked", move: output.move, problem });
    });
  }

  #runAgents(output: Extract<NodeOutput, { readonly type: "act" | "fence" | "unfence" }>): void {
    const { agents } = this.#parts;
    switch (output.type) {
      case "act":
        agents.perform(output, (report) => {
          this.push({ type: "report", action: output.action, report });
        });
        return;
      case "fence": {
        const { node, run, order } = output;
        if (order.type !== "agent") return;
        agents.fence(order, this.#permit.signal, (end) => {
          this.push({ type: "fence-verdict", node, run, ...end });
        });
        return;
      }
      case "unfence":
        agents.unfence(this.#permit.signal, (end) => {
          this.push({ type: "unfence-verdict", run: output.run, ...end });
        });
        return;
      default:
        assertNever(output);
    }
  }

  #onEnd(output: EndOutput): void {
    const { log, onEnd, onToldToLeave } = this.#parts;
    if (output.type === "told-to-leave") onToldToLeave();
    else if (output.type === "killed") onEnd(output);
    else if (output.type === "leave") onEnd({ type: "left" });
    else {
      log.write("services", "err", { text: `starting anew: ${output.why}` });
      onEnd({ type: "restart" });
    }
  }

  #submit({ lane, envelope }: Extract<NodeOutput, { readonly type: "submit" }>): void {
    const payload = encodePayload(envelope);
    if (payload.length > messageBytesMax) {
      // The message is missing from the history of all members, so this life cannot go on.
      const text = `a message of ${payload.length} bytes cannot be sent; starting anew`;
      this.#parts.log.write("services", "err", { text });
      this.#parts.onEnd({ type: "restart" });
      return;
    }
    this.#parts.postToRing({ type: "submit", lane, payload, safe: true });
  }
}

/**
 * Performs the orders of the resources `qpidd` and `qpidd-primary` with the broker of this node:
 * asks what is known of it, and promotes it over its management.
 * Source: qpid-cpp ha/HaBroker.cpp: promote; ha/StatusCheck.cpp, for how long a promotion takes.
 * Tested in: test/life/native-brokers.test.ts, test/e2e/scriptless-brokers.test.ts
 * NATIVE1  A promotion whose outcome is unknown may take effect later: the broker is killed before
 *     its service counts as stopped.
 */
import type { BrokerConnections, PromoteResult } from "../io/broker-port.ts";
import type { Clock } from "../io/ports.ts";
import type { AgentOrder, AgentReport } from "../model/agent-orders.ts";
import { assertNever } from "../model/outcome.ts";
import type { BrokerObserver } from "./broker-observer.ts";
import type { NodeAgents } from "./node-agents.ts";

export type NativeBrokerParts = {
  readonly observer: Pick<
    BrokerObserver,
    "sight" | "status" | "heartbeatMs" | "target" | "refresh" | "requireEnd" | "onceChanged"
  >;
  readonly connections: Pick<BrokerConnections, "promote">;
  readonly clock: Pick<Clock, "after" | "soon">;
};

type BrokerOrder = Extract<AgentOrder, { readonly type: "ask-broker" | "promote-broker" }>;
type Exited = Extract<AgentReport, { readonly type: "exited" }>;
type Done = (report: AgentReport) => void;

const connectMs = 2000;
/** A ready broker is promoted in milliseconds. */
const promoteMs = 5000;
/** What is not known yet becomes known by then: the broker answers, or is frozen. */
const unknownHeartbeats = 3;

const good: Exited = { type: "exited", code: 0, output: "" };

export class NativeBroker {
  readonly #parts: NativeBrokerParts;
  /** Promotions that have no outcome yet, by action; those that were cancelled included. */
  readonly #promoting = new Map<number, Done>();

  constructor(parts: NativeBrokerParts) {
    this.#parts = parts;
  }

  /** Runs agents, and performs the orders for brokers itself. */
  serve(agents: NodeAgents): NodeAgents {
    return {
      ...agents,
      perform: (act, done) => {
        const { order } = act;
        if (order.type === "ask-broker" || order.type === "promote-broker") {
          this.#parts.clock.soon(() => this.#perform(act.action, order, done));
        } else if (order.type === "end-primary") {
          // Whether it has ended is looked at in any case; see promotion-watch.ts.
          if (this.#promoting.size > 0) this.#requireEnd();
          this.#parts.clock.soon(() => done(good));
        } else agents.perform(act, done);
      },
      cancel: (action) => {
        this.#promoting.get(action)?.({ type: "failed", cause: "it was cancelled" });
        agents.cancel(action);
      },
    };
  }

  #perform(action: number, order: BrokerOrder, done: Done): void {
    if (order.type === "ask-broker") this.#answer(order.primary, done);
    else this.#promote(action, done);
  }

  #answer(primary: boolean, done: Done): void {
    const { clock, observer } = this.#parts;
    let stopListening = (): void => undefined;
    const stopClock = clock.after(unknownHeartbeats * observer.heartbeatMs, () => {
      stopListening();
      done(failed("the broker does not answer"));
    });
    const look = (): void => {
      const known = this.#known(primary);
      if (known === null) stopListening = observer.onceChanged(look);
      else {
        stopClock();
        done(known);
      }
    };
    look();
  }

  /** Null: nothing is known yet. */
  #known(primary: boolean): Exited | null {
    const { observer } = this.#parts;
    const { state, text } = observer.status;
    switch (state) {
      case "connecting":
      case "silent":
      case "lost":
      case "idle":
        return null;
      case "gone":
        return failed(text === "" ? "the broker has ended" : `the broker has ended: ${text}`);
      case "frozen":
        return failed("the broker is frozen");
      case "unused":
      case "not-observed":
      case "refusing":
      case "misfit":
        // It may be well. Whoever restarts it for that restarts it for ever.
        return primary ? failed(`whether it is primary cannot be asked: ${text}`) : good;
      case "active":
      case "recovering":
        return good;
      case "joining":
      case "catchup":
      case "ready":
      case "standalone":
        return primary ? failed(`the broker is ${state}`) : good;
      default:
        return assertNever(state);
    }
  }

  #promote(action: number, done: Done): void {
    const { observer, connections } = this.#parts;
    let told = false;
    const tell: Done = (report) => {
      if (!told) done(report);
      told = true;
    };
    this.#promoting.set(action, tell);
    void observer.target().then((target) => {
      if (told || !target.ok) {
        // Nothing was asked of the broker.
        this.#promoting.delete(action);
        if (!target.ok) tell(failed(target.problem));
        return;
      }
      const joining = observer.sight?.type === "answers" && observer.sight.state === "joining";
      // A joining broker asks all others first, each of which may be silent for that long.
      const answerMs = promoteMs + (joining ? 2 * target.value.heartbeatMs : 0);
      void connections.promote(target.value, { connectMs, answerMs }).then((result) => {
        this.#promoting.delete(action);
        observer.refresh();
        if (result.type === "unknown") this.#requireEnd();
        tell(outcome(result));
      });
    });
  }

  /** NATIVE1 */
  #requireEnd(): void {
    this.#parts.observer.requireEnd("the outcome of its promotion is not known");
  }
}

function outcome(result: PromoteResult): AgentReport {
  switch (result.type) {
    case "promoted":
      return good;
    case "refused":
      return failed(`the broker refuses: ${result.refusal.words}`);
    case "not-asked":
      return failed(result.problem.words);
    case "unknown": {
      const cause = `${result.words}; it is killed, since it may still be promoted`;
      return { type: "failed", cause };
    }
    default:
      return assertNever(result);
  }
}

function failed(output: string): Exited {
  return { type: "exited", code: 1, output };
}

/**
 * How a life of the node ends, and what the process does then. Takes results only by callbacks, so
 * that it also runs in the simulator.
 * Tested in: test/life/life-end.test.ts
 */
import { assertNever } from "../model/outcome.ts";
import type { CarriedOver } from "../node/node-events.ts";
import type { RingThreadProblem } from "../ring-thread/ring-port.ts";

export type LifeEnd =
  /** Everything was stopped and the ring was left. */
  | { readonly type: "left" }
  /** An operator has ended this node. */
  | { readonly type: "killed"; readonly text: string }
  /** The node must begin anew, with a new incarnation. */
  | { readonly type: "restart" }
  | { readonly type: "fatal"; readonly problem: RingThreadProblem };

export type AfterLife =
  /** The requested end: when nothing of the services is left, the guard is dismissed. */
  | { readonly type: "leave" }
  /** The same process begins another life, with what can be carried over. */
  | { readonly type: "begin-again" }
  /** Everything is killed, and the process ends with this status. */
  | { readonly type: "exit"; readonly status: number };

/** `ending`: the process was asked to end. */
export function afterLife(end: LifeEnd, ending: boolean): AfterLife {
  switch (end.type) {
    case "left":
      return { type: "leave" };
    case "killed":
      return { type: "exit", status: 1 };
    case "restart":
      return ending ? { type: "exit", status: 0 } : { type: "begin-again" };
    case "fatal": {
      // The main thread did not run for a while and runs again; nothing else is wrong.
      const silent = end.problem.type === "main-thread-silent";
      if (!silent) return { type: "exit", status: 1 };
      return ending ? { type: "exit", status: 0 } : { type: "begin-again" };
    }
    default:
      return assertNever(end);
  }
}

/** What a process has and does between two lives. */
export type BetweenLives = {
  /** It was asked to end. */
  readonly ending: () => boolean;
  /** What the next life may take over from the one that has ended. */
  readonly carryOver: () => CarriedOver | null;
  readonly killLife: () => PromiseLike<void>;
  /** Kills all services; false: something is left of them. */
  readonly killEverything: () => PromiseLike<boolean>;
  readonly say: (channel: "quorum" | "totem", text: string) => void;
  readonly begin: (carried: CarriedOver | null) => void;
  readonly exit: (status: number) => void;
  /** `clean`: nothing is left of the services, so the guard is dismissed. */
  readonly leave: (clean: boolean) => void;
};

export function followLife(end: LifeEnd, between: BetweenLives): void {
  const { ending, carryOver, killLife, killEverything, say, begin, exit, leave } = between;
  const after = afterLife(end, ending());
  if (after.type === "leave") {
    void killEverything().then(leave);
    return;
  }
  const carried = after.type === "begin-again" ? carryOver() : null;
  const killed = killLife().then(() => {
    return carried?.services == null || ending() ? killEverything() : false;
  });
  void killed.then(() => {
    if (end.type === "killed") say("quorum", `${end.text}: this node ends at once`);
    if (end.type === "fatal") say("totem", `the ring has ended: ${end.problem.text}`);
    // The process may have been asked to end meanwhile.
    const next = afterLife(end, ending());
    if (next.type === "exit") exit(next.status);
    else begin(carried);
  });
}

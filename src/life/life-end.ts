/**
 * How a life of the node ends, and what the process does then.
 * Tested in: test/life/life-end.test.ts
 */
import { assertNever } from "../model/outcome.ts";
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

/**
 * What a node has to do for its own broker, what it hears of it, and what is done then: the duty,
 * the inputs and the outputs of broker-care.ts.
 * Tested in: test/brokers/broker-care.test.ts
 */
import type { ServiceName } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { BrokerLine } from "./broker-reports.ts";
import type { WatchInput, WatchOutput, WatchTimer } from "./broker-watch.ts";
import { heartbeatDefaultMs } from "./own-broker.ts";

/** The marks of processes that may be the broker. */
export type BrokerProcesses = { readonly service: ServiceName; readonly resource: string };

export type BrokerDuty = {
  /** Whether anything of the broker's services is started here: until then it is not asked. */
  readonly observed: boolean;
  /** What is killed when the broker is frozen: no script of its services is under way there. */
  readonly processes: readonly BrokerProcesses[];
  /** All that may be the broker. */
  readonly marks: readonly BrokerProcesses[];
  /** What is checked when the broker has ended. */
  readonly services: readonly ServiceName[];
  /** In this time it must answer a question. */
  readonly heartbeatMs: Ms;
  /** The service that runs it is started. */
  readonly running: boolean;
  /** Its promotion is under way, which may take long. */
  readonly promoting: boolean;
  /** Why nothing of it is killed, since an operator wants it so; null: no operator does. */
  readonly held: string | null;
  /** Why a frozen broker is not killed now, in words; null: it is. */
  readonly restraint: string | null;
};

export type CareTimer = WatchTimer | "kill-again" | "release";

/** What the kill of its processes has come to, each as `PID (COMMAND)`. */
export type KillResult = {
  readonly ended: readonly string[];
  readonly left: readonly string[];
  /** What could not be looked at. */
  readonly unseen: readonly string[];
};

export type CareInput =
  | { readonly type: "duty"; readonly duty: BrokerDuty }
  /** Where the broker writes its log, in words. */
  | { readonly type: "log"; readonly log: string }
  /** There is no connection, since its qpidd.conf does not say how to ask it. */
  | { readonly type: "unobserved"; readonly connection: number; readonly why: string }
  | ({ readonly type: "killed" } & KillResult)
  /**
   * The promoting service stops: answered by one `released`. `by`: a script has run, and should
   * have ended the primary, or nothing was done yet.
   */
  | { readonly type: "primary-stopped"; readonly by: "script" | "nobody" }
  /** It must end, although it answers; `why`: such as that another broker is the primary. */
  | { readonly type: "must-end"; readonly why: string }
  /** It was to be promoted, and has refused, since it has joined others that are not joining. */
  | { readonly type: "promotion-refused" }
  | { readonly type: "timer"; readonly timer: CareTimer }
  | Exclude<WatchInput, { readonly type: "start" | "stop" | "promote" | "timer" | "heartbeat" }>;

export type CareOutput =
  | Exclude<WatchOutput, { readonly type: "state" | "arm" | "disarm" | "check-process" }>
  | { readonly type: "arm"; readonly timer: CareTimer; readonly afterMs: Ms }
  | { readonly type: "disarm"; readonly timer: CareTimer }
  /** Whether one of these exists is the answer `process`. */
  | { readonly type: "check-process"; readonly processes: readonly BrokerProcesses[] }
  /** SIGKILL; the answer is `killed`. */
  | { readonly type: "kill"; readonly processes: readonly BrokerProcesses[] }
  /** Whether no primary is left here: null, or why it is not so. */
  | { readonly type: "released"; readonly left: string | null }
  | { readonly type: "check"; readonly services: readonly ServiceName[]; readonly why: string }
  | ({ readonly type: "say" } & BrokerLine);

/** Before anything is known. */
export const nothingToDo: BrokerDuty = {
  observed: false,
  processes: [],
  marks: [],
  services: [],
  heartbeatMs: heartbeatDefaultMs,
  running: false,
  promoting: false,
  held: null,
  restraint: null,
};

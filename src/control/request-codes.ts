/**
 * The results of requests as rgmanager has them: one number and one text for each, and the only
 * table by which our own outcomes become its numbers. Clients and their scripts know the numbers;
 * nothing behind the control socket does.
 * Source: rgmanager include/resgroup.h (numbers), src/clulib/rg_strings.c (texts).
 */
import type { Failure, Refusal, RequestOutcome } from "../model/request-outcome.ts";

/** Scripts depend on these numbers: clusvcadm exits with their low byte. */
export const requestCodes = {
  success: 0,
  failure: -1,
  aborted: -2,
  notMasteredHere: -3,
  noSuchService: -4,
  deadlock: -5,
  tryAgain: -6,
  dependency: -7,
  invalidOperation: -8,
  noQuorum: -9,
  alreadyRunning: -10,
  frozen: -11,
  targetDead: -12,
  fencingPending: -13,
  scriptError: -14,
  notRunnable: -15,
  notRunnableExclusive: -16,
  runningOnOrigin: -17,
  permissionDenied: -18,
  warning: -19,
} as const;

export type RequestCode = (typeof requestCodes)[keyof typeof requestCodes];

const texts: Readonly<Record<RequestCode, string>> = {
  [0]: "Success",
  [-1]: "Failure",
  [-2]: "Aborted; service failed",
  [-3]: "Service not mastered locally",
  [-4]: "Service does not exist",
  [-5]: "Operation would cause a deadlock",
  [-6]: "Temporary failure; try again",
  [-7]: "Operation violates dependency rule",
  [-8]: "Invalid operation for resource",
  [-9]: "Operation requires quorum",
  [-10]: "Service is already running",
  [-11]: "Failure: Service is frozen",
  [-12]: "Target node dead / nonexistent",
  [-13]: "Fencing operation pending; try again later",
  [-14]: "S/Lang Script Error",
  [-15]: "Service not runnable",
  [-16]: "Service not runnable: cannot run exclusive",
  [-17]: "Failed; service running on original owner",
  [-18]: "Permission denied",
  [-19]: "Warning; see system logs",
};

const codesOfReasons: Readonly<Record<Refusal | Failure, RequestCode>> = {
  "no-quorum": requestCodes.noQuorum,
  "between-lives": requestCodes.noQuorum,
  "no-member": requestCodes.invalidOperation,
  "no-victim": requestCodes.invalidOperation,
  "member-again": requestCodes.tryAgain,
  "change-under-way": requestCodes.deadlock,
  "unknown-service": requestCodes.noSuchService,
  "not-migratable": requestCodes.invalidOperation,
  frozen: requestCodes.frozen,
  locked: requestCodes.tryAgain,
  "not-locked": requestCodes.tryAgain,
  "services-running": requestCodes.tryAgain,
  "fencing-awaited": requestCodes.fencingPending,
  "holder-unseen": requestCodes.fencingPending,
  "stop-node-away": requestCodes.fencingPending,
  "stop-node-leaving": requestCodes.tryAgain,
  "owner-not-ready": requestCodes.tryAgain,
  "too-many-waiting": requestCodes.deadlock,
  "being-started": requestCodes.deadlock,
  "being-relocated": requestCodes.deadlock,
  busy: requestCodes.tryAgain,
  "held-by-change": requestCodes.tryAgain,
  "start-before-first-stop": requestCodes.tryAgain,
  "relocate-before-first-stop": requestCodes.dependency,
  "already-started": requestCodes.alreadyRunning,
  "nothing-left-out": requestCodes.alreadyRunning,
  "not-started": requestCodes.invalidOperation,
  disabled: requestCodes.invalidOperation,
  "start-of-failed": requestCodes.aborted,
  "stop-of-failed": requestCodes.failure,
  "freeze-of-failed": requestCodes.tryAgain,
  "dependency-not-started": requestCodes.dependency,
  "start-node-not-ready": requestCodes.targetDead,
  "start-node-not-legal": requestCodes.failure,
  "target-not-legal": requestCodes.notRunnable,
  "target-occupied": requestCodes.dependency,
  "no-legal-node": requestCodes.notRunnable,
  "no-empty-node": requestCodes.notRunnableExclusive,
  "no-other-node": requestCodes.runningOnOrigin,
  "no-promotable-broker": requestCodes.notRunnable,
  "broker-not-promotable": requestCodes.notRunnable,
  "life-ended": requestCodes.noQuorum,
  "change-given-up": requestCodes.failure,
  "stopped-for-change": requestCodes.tryAgain,
  "no-node-started-it": requestCodes.failure,
  "back-on-origin": requestCodes.runningOnOrigin,
  overtaken: requestCodes.failure,
  "repair-failed": requestCodes.failure,
  "owner-lost": requestCodes.failure,
  "stop-failed": requestCodes.aborted,
  "disabled-unclean": requestCodes.warning,
};

export function requestCode(outcome: RequestOutcome): RequestCode {
  return outcome.type === "done" ? requestCodes.success : codesOfReasons[outcome.why];
}

/** The text for the outcome's number. */
export function outcomeText(outcome: RequestOutcome): string {
  return requestText(requestCode(outcome));
}

/** Whether that text is only `Failure`, so that the reply needs a sentence that says more. */
export function saysOnlyFailure(outcome: RequestOutcome): boolean {
  return requestCode(outcome) === requestCodes.failure;
}

/** The text that rgmanager prints for the result; scripts may rely on it. */
export function requestText(code: RequestCode): string {
  return texts[code];
}

export function parseRequestCode(value: unknown): RequestCode | null {
  return Object.values(requestCodes).find((code) => code === value) ?? null;
}

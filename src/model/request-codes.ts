/**
 * The results of service requests: one number and one text for each.
 * Knows nothing of services; who answers with which number is decided in `services/`.
 * Source: rgmanager include/resgroup.h (numbers), src/clulib/rg_strings.c (texts).
 */

/** Scripts know these numbers: clusvcadm exits with the low byte of them. */
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

/** The text rgmanager prints for the result; part of the commands' stable output. */
export function requestText(code: RequestCode): string {
  return texts[code];
}

export function parseRequestCode(value: unknown): RequestCode | null {
  return Object.values(requestCodes).find((code) => code === value) ?? null;
}

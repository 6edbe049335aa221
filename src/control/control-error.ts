/**
 * The error replies of the control socket: `{"error": {"type", "text"}}`, with an HTTP status for
 * each type. The text names the cause and, if there is one, the remedy; programs use the type only.
 * Tested in: test/control/protocol.test.ts, test/control/control-server.test.ts
 */

const errorStatuses = {
  "bad-request": 400,
  "unknown-node": 400,
  "not-found": 404,
  "unknown-version": 404,
  forbidden: 403,
  "not-exist": 404,
  "method-not-allowed": 405,
  "request-timeout": 408,
  exist: 409,
  "in-progress": 409,
  "body-too-large": 413,
  "headers-too-large": 431,
  "outcome-unknown": 500,
  busy: 503,
  "try-again": 503,
  "too-many-clients": 503,
} as const;

export type ControlErrorType = keyof typeof errorStatuses;
export type ControlError =
  | { readonly type: Exclude<ControlErrorType, "method-not-allowed">; readonly text: string }
  | { readonly type: "method-not-allowed"; readonly text: string; readonly allow: string };

export function httpStatus(type: ControlErrorType): number {
  return errorStatuses[type];
}

export function wrongMethod(method: string, wanted: string): ControlError {
  const text = `${method} is not possible here, only ${wanted}`;
  return { type: "method-not-allowed", text, allow: wanted };
}

/** Unlike decodeURIComponent it never fails: an invalid encoding becomes U+FFFD. */
export function percentDecoded(text: string): string {
  return new URLSearchParams(`name=${text.replace(/[+&]/g, encodeURIComponent)}`).get("name") ?? "";
}

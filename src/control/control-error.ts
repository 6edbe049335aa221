/**
 * What is answered instead of a reply: `{"error": {"type", "text"}}`, with a status for each type.
 * Knows types and statuses; does not know what was asked.
 * The text names the cause and, where there is one, the remedy; programs look at the type alone.
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

/** Never fails, unlike decodeURIComponent: what is no valid encoding becomes U+FFFD. */
export function percentDecoded(text: string): string {
  return new URLSearchParams(`name=${text.replace(/[+&]/g, encodeURIComponent)}`).get("name") ?? "";
}

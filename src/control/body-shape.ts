/**
 * What the bodies of requests on the control socket have in common.
 * Does not know what is asked.
 * Tested in: test/control/protocol.test.ts, test/control/operator-protocol.test.ts
 */
import { type Result, refuse } from "../model/outcome.ts";
import { checked, mapped, readAs, type Shape, text } from "../model/shape.ts";
import { quoted } from "../model/visible-text.ts";
import type { ControlError } from "./control-error.ts";

/** A body that does not fit is a bad request. */
export function parseBody<Body>(shape: Shape<Body>, value: unknown): Result<Body, ControlError> {
  const body = readAs(shape, value, "body");
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

/** Who orders something, as far as a line of the log has room for it. */
export const orderer = mapped(text, (name) => name.slice(0, 64));

/** The body must name the node of the path once more: such an order is hard to take back. */
export function confirming<Body extends { readonly confirm: string }>(
  body: Shape<Body>,
  node: string,
): Shape<Body> {
  return checked(body, ({ confirm }) =>
    confirm === node ? null : `confirms ${quoted(confirm)}, not ${quoted(node)}`,
  );
}

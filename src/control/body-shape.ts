/**
 * What all bodies of requests on the control socket have in common: how they are parsed, who has
 * given an order, and how it is confirmed.
 * Tested in: test/control/protocol.test.ts, test/control/operator-protocol.test.ts
 */
import { type Result, refuse } from "../model/outcome.ts";
import { checked, mapped, readAs, type Shape, text } from "../model/shape.ts";
import { quoted } from "../model/visible-text.ts";
import type { ControlError } from "./control-error.ts";

/** The typed body; a body that does not have the shape is a bad request. */
export function parseBody<Body>(shape: Shape<Body>, value: unknown): Result<Body, ControlError> {
  const body = readAs(shape, value, "body");
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

/** The name of the person who gives an order, cut to fit into a line of the log. */
export const orderedBy = mapped(text, (name) => name.slice(0, 64));

/** The body must repeat the node's name of the path, since the order can hardly be undone. */
export function requireConfirmation<Body extends { readonly confirm: string }>(
  body: Shape<Body>,
  node: string,
): Shape<Body> {
  return checked(body, ({ confirm }) =>
    confirm === node ? null : `confirms ${quoted(confirm)}, not ${quoted(node)}`,
  );
}

/**
 * The answer to an order that is given in words.
 * Knows nothing of orders.
 */
import { flag, optional, record, type Shape, text } from "./shape.ts";

/** `text` says why the order is not accepted, or what else is to be known; it may be empty. */
export type Acceptance = { readonly accepted: boolean; readonly text: string };

export const acceptance: Shape<Acceptance> = record({ accepted: flag, text: optional(text, "") });

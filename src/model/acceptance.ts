/**
 * The answer to an operator's order: accepted or not, with a text.
 */
import { flag, optional, record, type Shape, text } from "./shape.ts";

/** `text` says why the order was not accepted, or what the operator should know; may be empty. */
export type Acceptance = { readonly accepted: boolean; readonly text: string };

export const acceptance: Shape<Acceptance> = record({ accepted: flag, text: optional(text, "") });

/**
 * Shapes of values as they arrive by AMQP: text comes as string or as binary, an identity as 16
 * bytes, a number from 2^53 on as 8 bytes.
 * Source: OASIS AMQP 1.0, part 1: types; qpid-cpp broker/amqp/Translation.cpp.
 * Tested in: test/brokers/broker-status.test.ts
 */
import { parsedBy, type Shape } from "../model/shape.ts";

export const amqpText: Shape<string> = parsedBy((value) => {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : null;
});

/** Numbers that need 8 bytes are rounded: those are times, and never counts of messages. */
export const amqpCount: Shape<number> = parsedBy((value) => {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : null;
  if (!(value instanceof Uint8Array) || value.length !== 8) return null;
  return Number(Buffer.from(value).readBigUInt64BE());
});

/** With dashes, in lower case. */
export const amqpUuid: Shape<string> = parsedBy((value) => {
  if (!(value instanceof Uint8Array) || value.length !== 16) return null;
  const digits = Buffer.from(value).toString("hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
});

/** Text that `parse` accepts. */
export function amqpTextBy<Value>(parse: (text: string) => Value | null): Shape<Value> {
  return (value) => {
    const text = amqpText(value);
    return text.ok ? parsedBy(() => parse(text.value))(value) : text;
  };
}

/**
 * The messages between clusterd and its guard: one JSON object in each line. Any other line parses
 * to null, and its reader must not trust the other process any more.
 * Tested in: test/daemon/guard-process.test.ts
 */
import {
  either,
  flag,
  list,
  literal,
  nullable,
  number,
  oneOf,
  readOrNull,
  record,
  type Shaped,
  text,
} from "../model/shape.ts";

const protocol = "clusterd-guard-6";
const addressesMax = 1024;
const nodesMax = 1024;

/** What the guard must end; the first message, sent only once. */
const watch = record({
  protocol: literal(protocol),
  type: literal("watch"),
  /** The mark on the processes of the services. */
  token: text,
  /** Service addresses: numeric, without prefix. */
  addresses: list(text, addressesMax),
  /** The directory of the services' cgroups; null: there are none. */
  cgroups: nullable(text),
  /** K: within this time after the end of a lease nothing of any service may be left. */
  killTimeoutMs: number,
  /** The watchdog device; null: none is used. */
  watchdog: nullable(record({ device: text, timeoutMs: number })),
});

/** Service addresses that were added later. */
const alsoWatch = record({
  protocol: literal(protocol),
  type: literal("also-watch"),
  addresses: list(text, addressesMax),
});

/** `spare`: the services go on, since no other node could run any of them. */
const atEnd = oneOf("kill", "spare");

/** Services may run until `leaseEndMs` of CLOCK_BOOTTIME; the last order decides what follows. */
const arm = record({
  protocol: literal(protocol),
  type: literal("arm"),
  leaseEndMs: number,
  atEnd,
});

/**
 * The death certificate of the present life, and where it is sent when clusterd has ended and
 * nothing is left: it replaces the one of an earlier life.
 */
const certificate = record({
  protocol: literal(protocol),
  type: literal("certificate"),
  /** The sealed frame, in hexadecimal. */
  frame: text,
  /** The address of this node on the ring; the others know it by that. */
  from: text,
  /** The addresses of the other nodes. */
  to: list(text, nodesMax),
  port: number,
});

/** All services were stopped, which is verified: the guard may end. */
const disarm = record({ protocol: literal(protocol), type: literal("disarm") });

const order = either(watch, alsoWatch, arm, certificate, disarm);

/**
 * The state of the watchdog: sent before `ready` and on changes. `text`: the device or a problem.
 */
const watchdog = record({
  protocol: literal(protocol),
  type: literal("watchdog"),
  /** `waiting`: it is opened when what an earlier life has left is gone, or a lease is held. */
  state: oneOf("waiting", "armed", "refused"),
  text,
});

const report = either(
  watchdog,
  /**
   * The guard is the only one here and has its orders. `nothingLeft`: the guard before it verified
   * in this boot that nothing of any service is left, and this guard has found nothing either.
   */
  record({ protocol: literal(protocol), type: literal("ready"), nothingLeft: flag }),
  /** The guard kills nothing until `leaseEndMs`, unless the pipe is closed. */
  record({ protocol: literal(protocol), type: literal("armed"), leaseEndMs: number, atEnd }),
  /** The guard is killing services; also the answer to an `arm` that comes meanwhile. */
  record({ protocol: literal(protocol), type: literal("sweeping"), why: text }),
  record({ protocol: literal(protocol), type: literal("clean") }),
);

export type GuardOrder = Shaped<typeof order>;
export type GuardReport = Shaped<typeof report>;
export type CertificateOrder = Extract<GuardOrder, { readonly type: "certificate" }>;
export type WatchOrder = Extract<GuardOrder, { readonly type: "watch" }>;

/** A message without the field `protocol`, which every line has. */
export type WithoutProtocol<Message> = Message extends unknown ? Omit<Message, "protocol"> : never;

export function parseOrder(value: unknown): GuardOrder | null {
  return readOrNull(order, value);
}

export function parseReport(value: unknown): GuardReport | null {
  return readOrNull(report, value);
}

/** One line with its line feed. */
export function formatMessage(
  message: WithoutProtocol<GuardOrder> | WithoutProtocol<GuardReport>,
): string {
  return `${JSON.stringify({ protocol, ...message })}\n`;
}

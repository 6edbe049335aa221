/**
 * What clusterd and its guard say to each other: one JSON object in each line.
 * Knows shapes only. Anything else is null, and whoever reads it must not trust the other end.
 * Tested in: test/daemon/guard-process.test.ts
 */
import {
  either,
  fitting,
  flag,
  list,
  literal,
  nullable,
  number,
  oneOf,
  record,
  type Shaped,
  text,
} from "../model/shape.ts";

const protocol = "clusterd-guard-4";
const addressesMax = 1024;

/** What has to be taken off the machine; the first message, and once only. */
const watch = record({
  protocol: literal(protocol),
  type: literal("watch"),
  /** Marks the processes of the services. */
  token: text,
  /** Service addresses: numeric, without prefix. */
  addresses: list(text, addressesMax),
  /** Directory of the services' cgroups, or null when they have none. */
  cgroups: nullable(text),
  /** The device that resets the machine; null: none is to be used. */
  watchdog: nullable(record({ device: text, timeoutMs: number })),
});

/** Service addresses that came later. */
const alsoWatch = record({
  protocol: literal(protocol),
  type: literal("also-watch"),
  addresses: list(text, addressesMax),
});

/** `spare`: nothing is here that another node could run, so what is left alone does no harm. */
const atEnd = oneOf("kill", "spare");

/** Services may run until then, CLOCK_BOOTTIME; the newest order says what happens then. */
const arm = record({
  protocol: literal(protocol),
  type: literal("arm"),
  leaseEndMs: number,
  atEnd,
});

/** Everything was stopped and verified; the guard is not needed any more. */
const disarm = record({ protocol: literal(protocol), type: literal("disarm") });

const order = either(watch, alsoWatch, arm, disarm);

/** Of the watchdog device: before `ready`, and when it changes. `text` says which, or why not. */
const watchdog = record({
  protocol: literal(protocol),
  type: literal("watchdog"),
  /** `waiting`: what an earlier life has left must be gone first, or a lease be held. */
  state: oneOf("waiting", "armed", "refused"),
  text,
});

const report = either(
  watchdog,
  /**
   * It is the only guard here, and knows what to watch. `nothingLeft`: the guard before it has
   * verified in this boot that nothing of any service is left, and a look says the same now.
   */
  record({ protocol: literal(protocol), type: literal("ready"), nothingLeft: flag }),
  /** Until then it kills nothing, as long as the pipe is open. */
  record({ protocol: literal(protocol), type: literal("armed"), leaseEndMs: number, atEnd }),
  /** It is killing, or not done yet; the answer to `arm` meanwhile. */
  record({ protocol: literal(protocol), type: literal("sweeping"), why: text }),
  record({ protocol: literal(protocol), type: literal("clean") }),
);

export type GuardOrder = Shaped<typeof order>;
export type GuardReport = Shaped<typeof report>;
export type WatchOrder = Extract<GuardOrder, { readonly type: "watch" }>;

/** Without the mark of the protocol, which every line carries. */
export type Bare<Message> = Message extends unknown ? Omit<Message, "protocol"> : never;

export function parseOrder(value: unknown): GuardOrder | null {
  return fitting(order, value);
}

export function parseReport(value: unknown): GuardReport | null {
  return fitting(report, value);
}

/** One line, with its end. */
export function formatMessage(message: Bare<GuardOrder> | Bare<GuardReport>): string {
  return `${JSON.stringify({ protocol, ...message })}\n`;
}

/**
 * The protocol of process groups on the control socket: requests, and the events of a stream as
 * lines of JSON.
 * Tested in: test/control/control-groups.test.ts
 *
 *   GET  /v1/groups                          → 200, GroupListing
 *   POST /v1/groups/NAME/join                → 200, one GroupLine per line, until either side ends
 *        body: empty, or {"process": number}, at most 4194304, usually the process id
 *   POST /v1/groups/NAME/TICKET/multicast    → 200, GroupPosition, when the message was delivered
 *   here
 *        body: the message, any bytes, at most 1 MiB
 *   POST /v1/groups/NAME/TICKET/leave        → 200, {"accepted": true}; the stream then ends
 *
 * NAME is percent-encoded, 1 to 128 bytes. TICKET comes with the stream's first line and is good
 * for this membership only. Closing the stream is an end without leave: the others see `procdown`.
 */
import { type GroupName, parseGroupName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { closedRecord, optional, wholeNumber } from "../model/shape.ts";
import { quoted } from "../model/visible-text.ts";
import { parseBody } from "./body-shape.ts";
import { type ControlError, percentDecoded, wrongMethod } from "./control-error.ts";

export type GroupRoute =
  | { readonly type: "groups" }
  | { readonly type: "group-join"; readonly group: GroupName }
  | {
      readonly type: "group-multicast" | "group-leave";
      readonly group: GroupName;
      readonly ticket: string;
    };

export type MemberLine = { readonly node: number; readonly process: number };
export type ChangedMember = MemberLine & { readonly reason: string };

/** The position of a message in the total order. Numbers rise within a ring, but not by one. */
export type GroupPosition = { readonly ring: string; readonly number: number };

export type GroupLine =
  /** Always the first line. */
  | {
      readonly type: "joining";
      readonly group: string;
      readonly member: MemberLine;
      readonly ticket: string;
    }
  /** The reasons are `join`, `leave`, `nodedown`, `nodeup`, `procdown`. */
  | ({
      readonly type: "configuration";
      readonly members: readonly MemberLine[];
      readonly left: readonly ChangedMember[];
      readonly joined: readonly ChangedMember[];
    } & GroupPosition)
  | ({
      readonly type: "message";
      readonly from: MemberLine;
      /** Base64. */
      readonly payload: string;
    } & GroupPosition)
  /** A new ring and its nodes, after the changes of members that it has caused. */
  | ({ readonly type: "ring"; readonly nodes: readonly number[] } & GroupPosition)
  /** Always the last line, unless the connection breaks. */
  | { readonly type: "ended"; readonly reason: EndReason; readonly text: string };

/** Why a stream ends: `left` at the client's request, the others without it. */
export type EndReason = "left" | "group-full" | "slow-reader" | "life-ended";

export type GroupListing = {
  /** By name. */
  readonly groups: readonly { readonly name: string; readonly members: readonly MemberLine[] }[];
  /** Clients of this node. */
  readonly clients: number;
  /** Since this life of the node began. */
  readonly counters: {
    readonly messages: number;
    readonly bytes: number;
    readonly dropped: number;
    readonly malformed: number;
    readonly queuedBytes: number;
  };
};

/** The stream to one client. */
export type GroupStream = {
  write(line: Uint8Array): void;
  /** Writes the last line and ends the stream. */
  end(line: Uint8Array): void;
};

/** The process groups of this node: what the control socket calls. */
export type GroupBackend = {
  listing(): GroupListing;
  /** Returns the ticket; by then the first line was written. */
  join(
    wanted: { readonly group: GroupName; readonly process: number | null },
    stream: GroupStream,
  ): Result<string, ControlError>;
  leave(group: GroupName, ticket: string): Result<null, ControlError>;
  /** Settles when the message was delivered here, however long that takes; never rejects. */
  multicast(
    group: GroupName,
    ticket: string,
    payload: Uint8Array,
  ): Promise<Result<GroupPosition, ControlError>>;
  /** The client's connection has ended; a ticket that is not valid any more is ignored. */
  disconnect(ticket: string): void;
};

const processMax = 4_194_304;

/** The method and the parts of the path after `/v1/groups`. */
export function parseGroupRoute(
  method: string,
  parts: readonly string[],
): Result<GroupRoute, ControlError> {
  const [name, ...rest] = parts;
  if (name === undefined) {
    return method === "GET" ? accept({ type: "groups" }) : refuse(wrongMethod(method, "GET"));
  }
  const operation = rest.at(-1);
  const ticket = rest[0] ?? "";
  const joins = operation === "join" && rest.length === 1;
  const acts = (operation === "multicast" || operation === "leave") && rest.length === 2;
  if (!joins && !acts) {
    const served = "NAME/join, NAME/TICKET/multicast and NAME/TICKET/leave";
    const text = `below /v1/groups/ there are ${served}, no ${quoted(parts.join("/"))}`;
    return refuse({ type: "not-found", text });
  }
  if (method !== "POST") return refuse(wrongMethod(method, "POST"));
  const group = parseGroupName(percentDecoded(name));
  if (group === null) {
    const text = `${quoted(name)} is not a group name: 1 to 128 bytes, percent-encoded`;
    return refuse({ type: "bad-request", text });
  }
  if (joins) return accept({ type: "group-join", group });
  return accept({ type: operation === "leave" ? "group-leave" : "group-multicast", group, ticket });
}

/** The body of a join; `value` is its parsed JSON, an empty body counts as `{}`. */
export function parseJoinBody(
  value: unknown,
): Result<{ readonly process: number | null }, ControlError> {
  return parseBody(joinBody, value);
}

const joinBody = closedRecord({ process: optional(wholeNumber(1, processMax), null) });

export function formatGroupLine(line: GroupLine): Uint8Array {
  if (line.type !== "message") return Buffer.from(`${JSON.stringify(line)}\n`);
  // Base64 needs no escapes, so a long payload is not passed through JSON.stringify.
  const { payload, ...head } = line;
  return Buffer.from(`${JSON.stringify(head).slice(0, -1)},"payload":"${payload}"}\n`);
}

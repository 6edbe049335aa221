/**
 * The names of things: brands and their only parsers.
 * A brand is created here and nowhere else.
 * Tested in: test/control/protocol.test.ts, test/membership/wire.test.ts
 */

declare const nodeIdBrand: unique symbol;
declare const nodeNameBrand: unique symbol;
declare const serviceNameBrand: unique symbol;
declare const incarnationBrand: unique symbol;
declare const groupNameBrand: unique symbol;

/** Positive integer 1 to 4095, unique in the cluster; 0 is "nobody" only on the wire. */
export type NodeId = number & { readonly [nodeIdBrand]: true };
/** The name attribute of a clusternode, as written. */
export type NodeName = string & { readonly [nodeNameBrand]: true };
/** `type:name`, for example `service:web`; at most 63 bytes. */
export type ServiceName = string & { readonly [serviceNameBrand]: true };
/** One process life of a node: strictly larger at each start of its daemon. */
export type Incarnation = number & { readonly [incarnationBrand]: true };
/** Name of a process group: 1 to 128 bytes of UTF-8. */
export type GroupName = string & { readonly [groupNameBrand]: true };

const nodeIdMax = 4095;
/** Nodes of a configuration, and so node ids in any list of a frame. */
export const nodesMax = 64;
const groupNameBytesMax = 128;

export function parseNodeId(value: unknown): NodeId | null {
  const inRange =
    typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= nodeIdMax;
  return inRange ? (value as NodeId) : null;
}

export function parseNodeName(text: string): NodeName | null {
  return text.length > 0 && Buffer.byteLength(text) <= 254 ? (text as NodeName) : null;
}

/** A name without a colon gets the prefix `service:` (rgmanager clusvcadm.c). */
export function parseServiceName(text: string): ServiceName | null {
  const full = text.includes(":") ? text : `service:${text}`;
  const named = full.indexOf(":") < full.length - 1;
  return named && Buffer.byteLength(full) <= 63 ? (full as ServiceName) : null;
}

export function parseGroupName(text: string): GroupName | null {
  return text.length > 0 && Buffer.byteLength(text) <= groupNameBytesMax
    ? (text as GroupName)
    : null;
}

/**
 * Milliseconds since 1970 until 2248. A node counts up to 1024 lives in each of them, and must not
 * leave exact numbers with that, or nobody understands what it says.
 */
export const incarnationMax = 2 ** 43 - 1;

export function parseIncarnation(value: unknown): Incarnation | null {
  return typeof value === "number" &&
    Number.isInteger(value) &&
    value >= 1 &&
    value <= incarnationMax
    ? (value as Incarnation)
    : null;
}

/**
 * The highest ring sequence there can be. They begin at microseconds since 1970, so this is the
 * year 2112; a few more, or a bound written ahead of them, are still exact numbers.
 */
export const ringSeqMax = 2 ** 52;

/** One installed configuration of Totem: the representative and a sequence that never repeats. */
export type RingId = { readonly rep: NodeId; readonly seq: number };

export function sameRing(a: RingId, b: RingId): boolean {
  return a.rep === b.rep && a.seq === b.seq;
}

/** As corosync prints it: representative, dot, sequence in hexadecimal. */
export function formatRing(ring: RingId): string {
  return `${ring.rep}.${ring.seq.toString(16)}`;
}

export function compareIds(a: NodeId, b: NodeId): number {
  return a - b;
}

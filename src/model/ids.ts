/**
 * The ids of nodes, services, lives, groups and rings: branded types and their only parsers.
 * No other file creates a value of these types.
 * Tested in: test/control/protocol.test.ts, test/membership/wire.test.ts
 */

declare const nodeIdBrand: unique symbol;
declare const nodeNameBrand: unique symbol;
declare const serviceNameBrand: unique symbol;
declare const incarnationBrand: unique symbol;
declare const groupNameBrand: unique symbol;

/** An integer from 1 to 4095, unique in the cluster; on the wire, 0 means no node. */
export type NodeId = number & { readonly [nodeIdBrand]: true };
/** The name attribute of a clusternode, as written. */
export type NodeName = string & { readonly [nodeNameBrand]: true };
/** `type:name`, for example `service:web`; at most 63 bytes. */
export type ServiceName = string & { readonly [serviceNameBrand]: true };
/** The number of one life of a node; larger for each later life. */
export type Incarnation = number & { readonly [incarnationBrand]: true };
/** Name of a process group: 1 to 128 bytes of UTF-8. */
export type GroupName = string & { readonly [groupNameBrand]: true };

const nodeIdMax = 4095;
/** The most nodes of a cluster, and so the most node ids in a list of a frame. */
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
 * Milliseconds since 1970, until the year 2248. A node numbers up to 1024 lives in each, and the
 * result must still be an exact number.
 */
export const incarnationMax = 2 ** 43 - 1;

export const livesPerIncarnation = 1024;

/** The incarnation of the daemon that had this life. */
export function incarnationOf(life: number): number {
  return Math.floor(life / livesPerIncarnation);
}

export function parseIncarnation(value: unknown): Incarnation | null {
  return typeof value === "number" &&
    Number.isInteger(value) &&
    value >= 1 &&
    value <= incarnationMax
    ? (value as Incarnation)
    : null;
}

/**
 * The highest ring sequence. Sequences begin at microseconds since 1970, so this is the year 2112;
 * numbers somewhat above it, such as a bound stored in advance, are still exact.
 */
export const ringSeqMax = 2 ** 52;
/**
 * A node without a stored sequence begins at the microseconds of its wall clock. These rise faster
 * than rings can form, and than restarts raise the stored bound.
 */
export const ringSeqsPerMs = 1000;
/**
 * How far ahead of the sequence in use the stored bound is. A larger number wastes sequences at
 * restarts; with a smaller one, fewer changes of the membership pass from one write to the next.
 */
export const ringSeqsAhead = 4000;

/**
 * Identifies a regular configuration of Totem: its representative and a sequence used only once.
 */
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

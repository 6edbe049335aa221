/** Ring messages with the fields a test does not care about already filled in. */
import type {
  JoinMessage,
  McastMessage,
  MergeDetectMessage,
  TokenMessage,
} from "../../src/membership/wire.ts";
import { type NodeId, parseNodeId, type RingId } from "../../src/model/ids.ts";

export function node(value: number): NodeId {
  const id = parseNodeId(value);
  if (id === null) throw new Error(`${value} is no node id`);
  return id;
}

export function nodes(...values: readonly number[]): readonly NodeId[] {
  return values.map(node);
}

export const ringOne: RingId = { rep: node(1), seq: 8 };

export function mcast(fields: Partial<McastMessage> = {}): McastMessage {
  return {
    type: "mcast",
    ring: ringOne,
    seq: 1,
    origin: node(1),
    lane: "app",
    headFragment: 0,
    tailFragment: 0,
    safe: false,
    inner: null,
    chunks: [Buffer.from("m")],
    ...fields,
  };
}

export function token(fields: Partial<TokenMessage> = {}): TokenMessage {
  return {
    type: "token",
    ring: ringOne,
    tokenSeq: 0,
    seq: 0,
    aru: 0,
    aruNode: null,
    fcc: 0,
    backlog: 0,
    retransmitting: false,
    rtr: [],
    calm: 0,
    ...fields,
  };
}

export function join(fields: Partial<JoinMessage> = {}): JoinMessage {
  return {
    type: "join",
    ringSeq: 8,
    proc: [],
    failed: [],
    leave: false,
    heard: [],
    configHash: 7,
    ...fields,
  };
}

export function mergeDetect(fields: Partial<MergeDetectMessage> = {}): MergeDetectMessage {
  return { type: "merge-detect", ring: ringOne, heard: [], members: [], configHash: 7, ...fields };
}

/**
 * Packs the messages that the two threads post to each other: consecutive ones in one buffer, since
 * cloning an object with a view of its own for each message costs more than ordering it.
 * PACKED1  Unpacking gives the same values in the same order; payloads packed together are views of
 *     one buffer.
 */
import type { Lane } from "../membership/ring-events.ts";
import { type NodeId, parseNodeId, type RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { RingThreadInput, RingThreadOutput } from "./ring-port.ts";

type Delivery = Extract<RingThreadOutput, { readonly type: "deliver" }>;
export type Submission = Extract<RingThreadInput, { readonly type: "submit" }>;

/** Consecutive deliveries of one ring, each a head and its payload. */
type Deliveries = {
  readonly type: "deliveries";
  readonly ring: RingId;
  readonly bytes: Uint8Array;
};
type Submissions = { readonly type: "submissions"; readonly bytes: Uint8Array };

export type PackedOutput = Exclude<RingThreadOutput, Delivery> | Deliveries;
export type PackedInput = Exclude<RingThreadInput, Submission> | Submissions;

export type Packed<Content> = {
  readonly content: Content;
  /** The buffers that are to be transferred, not copied. */
  readonly transfer: readonly ArrayBuffer[];
};

/** Sequence number 8, length 4, sender 4, lane 1, safe 1; big-endian, not aligned. */
const headBytes = 18;
const lanes: readonly Lane[] = ["app", "sync"];

type Head = {
  readonly seq: number;
  readonly from: number;
  readonly lane: Lane;
  readonly safe: boolean;
};
type Message = { readonly head: Head; readonly payload: Uint8Array };

export function packOutputs(outputs: readonly RingThreadOutput[]): Packed<readonly PackedOutput[]> {
  const content: PackedOutput[] = [];
  const transfer: ArrayBuffer[] = [];
  for (let at = 0; at < outputs.length; ) {
    const output = outputs[at];
    if (output === undefined) break;
    if (output.type !== "deliver") {
      content.push(output);
      at += 1;
      continue;
    }
    const run = deliveriesFrom(outputs, at);
    const { buffer, bytes } = write(
      run.map((each) => ({ head: deliveryHead(each), payload: each.payload })),
    );
    content.push({ type: "deliveries", ring: output.ring, bytes });
    transfer.push(buffer);
    at += run.length;
  }
  return { content, transfer };
}

/** The consecutive deliveries of one ring that begin at `start`. */
function deliveriesFrom(outputs: readonly RingThreadOutput[], start: number): readonly Delivery[] {
  const run: Delivery[] = [];
  for (let at = start; at < outputs.length; at += 1) {
    const output = outputs[at];
    if (output?.type !== "deliver") break;
    const ring = run[0]?.ring ?? output.ring;
    if (ring.seq !== output.ring.seq || ring.rep !== output.ring.rep) break;
    run.push(output);
  }
  return run;
}

function deliveryHead({ seq, from, lane }: Delivery): Head {
  return { seq, from, lane, safe: false };
}

export function unpackOutputs(content: readonly PackedOutput[]): readonly RingThreadOutput[] {
  const outputs: RingThreadOutput[] = [];
  for (const packed of content) {
    if (packed.type !== "deliveries") {
      outputs.push(packed);
      continue;
    }
    const { ring } = packed;
    for (const { head, payload } of read(packed.bytes)) {
      const { seq, lane } = head;
      outputs.push({ type: "deliver", ring, seq, from: nodeOf(head.from), lane, payload });
    }
  }
  return outputs;
}

export function packSubmissions(submissions: readonly Submission[]): Packed<PackedInput> {
  const { buffer, bytes } = write(
    submissions.map(({ lane, safe, payload }) => {
      return { head: { seq: 0, from: 0, lane, safe }, payload };
    }),
  );
  return { content: { type: "submissions", bytes }, transfer: [buffer] };
}

export function unpackInput(packed: PackedInput): readonly RingThreadInput[] {
  if (packed.type !== "submissions") return [packed];
  return read(packed.bytes).map(({ head, payload }) => {
    return { type: "submit", lane: head.lane, payload, safe: head.safe };
  });
}

function write(messages: readonly Message[]): {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
} {
  let size = 0;
  for (const { payload } of messages) size += headBytes + payload.length;
  const buffer = new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  let at = 0;
  for (const { head, payload } of messages) {
    view.setFloat64(at, head.seq);
    view.setUint32(at + 8, payload.length);
    view.setUint32(at + 12, head.from);
    view.setUint8(at + 16, lanes.indexOf(head.lane));
    view.setUint8(at + 17, head.safe ? 1 : 0);
    bytes.set(payload, at + headBytes);
    at += headBytes + payload.length;
  }
  return { buffer, bytes };
}

function read(bytes: Uint8Array): readonly Message[] {
  const messages: Message[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at + 8);
    const head: Head = {
      seq: view.getFloat64(at),
      from: view.getUint32(at + 12),
      lane: lanes[view.getUint8(at + 16)] ?? "app",
      safe: view.getUint8(at + 17) === 1,
    };
    messages.push({ head, payload: bytes.subarray(at + headBytes, at + headBytes + length) });
    at += headBytes + length;
  }
  return messages;
}

function nodeOf(value: number): NodeId {
  const id = parseNodeId(value);
  invariant(id !== null, "PACKED1: a delivery without a sender");
  return id;
}

import fc from "fast-check";
import { test } from "tap";
import { type NodeId, parseNodeId } from "../../src/model/ids.ts";
import type { RingThreadInput, RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import {
  packOutputs,
  packSubmissions,
  type Submission,
  unpackInput,
  unpackOutputs,
} from "../../src/ring-thread/ring-port-codec.ts";

function node(value: number): NodeId {
  const id = parseNodeId(value);
  if (id === null) throw new Error(`no node id: ${value}`);
  return id;
}

const payloads = fc.uint8Array({ maxLength: 40 });
const lanes = fc.constantFrom("app" as const, "sync" as const);
const deliveries = fc
  .record({
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    from: fc.integer({ min: 1, max: 4095 }).map(node),
    lane: lanes,
    payload: payloads,
    ringSeq: fc.constantFrom(4, 8),
  })
  .map(({ ringSeq, ...rest }): RingThreadOutput => {
    return { type: "deliver", ring: { rep: node(1), seq: ringSeq }, ...rest };
  });
const others = fc.nat().map((beat): RingThreadOutput => ({ type: "heartbeat", beat }));
const submissions = fc
  .record({ lane: lanes, safe: fc.boolean(), payload: payloads })
  .map((rest): Submission => ({ type: "submit", ...rest }));

/** Payloads as text, so that views of different buffers compare. */
function readable(values: readonly (RingThreadOutput | RingThreadInput)[]): unknown[] {
  return values.map((value) =>
    "payload" in value ? { ...value, payload: Buffer.from(value.payload).toString("hex") } : value,
  );
}

test("what the ring thread says arrives as it was said, in order", (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(deliveries, others)), (outputs) => {
      const { content, transfer } = packOutputs(outputs);
      const posted = structuredClone(content, { transfer: [...transfer] });
      t.same(readable(unpackOutputs(posted)), readable(outputs));
    }),
    { numRuns: 200 },
  );
  t.end();
});

test("what is submitted arrives as it was submitted, in order", (t) => {
  fc.assert(
    fc.property(fc.array(submissions, { minLength: 1 }), (inputs) => {
      const { content, transfer } = packSubmissions(inputs);
      const posted = structuredClone(content, { transfer: [...transfer] });
      t.same(readable(unpackInput(posted)), readable(inputs));
    }),
    { numRuns: 200 },
  );
  t.same(unpackInput({ type: "leave" }), [{ type: "leave" }]);
  t.end();
});

test("messages of a turn travel in one buffer of their size, whatever they were views of", (t) => {
  const frame = Buffer.from("....first.second..........");
  const deliver = (payload: Uint8Array): RingThreadOutput => {
    return {
      type: "deliver",
      ring: { rep: node(1), seq: 4 },
      seq: 1,
      from: node(2),
      lane: "app",
      payload,
    };
  };
  const { content, transfer } = packOutputs([
    deliver(frame.subarray(4, 9)),
    deliver(frame.subarray(10, 16)),
    { type: "stopped" },
  ]);
  frame.fill(0);
  t.same(
    transfer.map(({ byteLength }) => byteLength),
    [18 + 5 + 18 + 6],
  );
  const texts = unpackOutputs(content).map((output) =>
    output.type === "deliver" ? Buffer.from(output.payload).toString() : output.type,
  );
  t.same(texts, ["first", "second", "stopped"]);
  t.same(packOutputs([{ type: "stopped" }]).transfer, []);
  t.end();
});

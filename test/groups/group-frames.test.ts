/** Frames of process groups: what was encoded comes out again, and damage is noticed. */
import fc from "fast-check";
import { test } from "tap";
import {
  decodeGroupFrame,
  encodeGroupFrame,
  type GroupFrame,
  isGroupFrame,
} from "../../src/groups/group-frames.ts";
import { encodePayload } from "../../src/io/payload-codec.ts";
import { parseGroupName, parseNodeId } from "../../src/model/ids.ts";
import { group } from "./group-nodes.ts";

const names = fc
  .string({ minLength: 1, maxLength: 128, unit: "grapheme" })
  .filter((text) => parseGroupName(text) !== null)
  .map(group);
const words = fc.integer({ min: 0, max: 0xffff_ffff });
const nodes = fc.integer({ min: 1, max: 4095 }).map((value) => parseNodeId(value) ?? never());
const listed = fc.record({ process: words, group: names });

function never(): never {
  throw new Error("no node id");
}

const frames: fc.Arbitrary<GroupFrame> = fc.oneof(
  fc.record({ type: fc.constant("join" as const), process: words, group: names }),
  fc.record({
    type: fc.constant("leave" as const),
    process: words,
    group: names,
    reason: fc.constantFrom("leave" as const, "procdown" as const),
  }),
  fc
    .record({
      process: words,
      message: words,
      index: fc.integer({ min: 0, max: 0xffff }),
      last: fc.boolean(),
      group: names,
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    })
    .map((part) => ({
      type: "part" as const,
      ...part,
      group: part.index === 0 ? part.group : null,
    })),
  fc.record({
    type: fc.constant("list" as const),
    ring: fc.record({ rep: nodes, seq: fc.maxSafeNat() }),
    processes: fc.array(listed, { maxLength: 20 }),
  }),
);

test("every frame comes out as it went in, and is told from JSON by its first byte", (t) => {
  fc.assert(
    fc.property(frames, (frame) => {
      const bytes = encodeGroupFrame(frame);
      t.same(decodeGroupFrame(bytes), frame);
      if (!isGroupFrame(bytes)) throw new Error("not marked");
    }),
  );
  t.notOk(isGroupFrame(encodePayload({ layer: "sync" })));
  t.notOk(isGroupFrame(new Uint8Array(0)));
  t.end();
});

test("bytes that are cut short or go on are malformed, and nothing is thrown", (t) => {
  fc.assert(
    fc.property(frames, fc.nat(), (frame, cut) => {
      const bytes = encodeGroupFrame(frame);
      const whole = frame.type === "part" ? bytes.length - frame.payload.length : bytes.length;
      if (decodeGroupFrame(bytes.subarray(0, cut % whole)) !== null) throw new Error("cut short");
      const longer = Buffer.concat([bytes, Buffer.from([1])]);
      if (frame.type !== "part" && decodeGroupFrame(longer) !== null) throw new Error("goes on");
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      decodeGroupFrame(bytes);
      for (const kind of [0, 1, 2, 3, 4, 5])
        decodeGroupFrame(Buffer.from([0xc7, 1, kind, ...bytes]));
    }),
  );
  t.pass("nothing was thrown");
  t.end();
});

test("a whole message costs its payload, its name and fifteen bytes more", (t) => {
  const whole = { process: 7, message: 1, index: 0, last: true, group: group("web") };
  const payload = Buffer.alloc(1000);
  t.equal(encodeGroupFrame({ type: "part", ...whole, payload }).length, 1000 + 3 + 15);
  t.end();
});

test("the layout on the wire is this", (t) => {
  const hex = (frame: GroupFrame) => Buffer.from(encodeGroupFrame(frame)).toString("hex");
  const web = group("web");
  t.equal(
    hex({ type: "join", process: 258, group: web }),
    "c70101000001020377 6562".replace(" ", ""),
  );
  t.equal(
    hex({ type: "leave", process: 1, group: web, reason: "procdown" }),
    "c701020000000105" + "03776562",
  );
  const part = { type: "part" as const, process: 1, message: 2, payload: Buffer.from("x") };
  t.equal(
    hex({ ...part, index: 0, last: false, group: web }),
    "c70103" + "00000001" + "00000002" + "0000" + "00" + "03776562" + "78",
  );
  t.equal(
    hex({ ...part, index: 1, last: true, group: null }),
    "c70103" + "00000001" + "00000002" + "0001" + "01" + "78",
  );
  t.end();
});

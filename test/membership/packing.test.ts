import fc from "fast-check";
import { test } from "tap";
import {
  Assembler,
  chunkCost,
  type FrameContent,
  LaneQueue,
} from "../../src/membership/packing.ts";
import { messageBytesMax, queueBytesMax } from "../../src/membership/ring-events.ts";
import { SendQueues } from "../../src/membership/send-queues.ts";
import { mcast } from "./frames.ts";

const roomBytes = 1364;

function filled(bytes: number, value = 1): Uint8Array {
  return Buffer.alloc(bytes, value);
}

function drain(queue: LaneQueue): readonly FrameContent[] {
  const contents: FrameContent[] = [];
  for (let content = queue.takeFrame(); content !== null; content = queue.takeFrame())
    contents.push(content);
  return contents;
}

function lengths(content: FrameContent | undefined): readonly number[] {
  return (content?.chunks ?? []).map((chunk) => chunk.length);
}

function reassemble(contents: readonly FrameContent[]): readonly Uint8Array[] {
  const assembler = new Assembler();
  return contents.flatMap((content) => assembler.accept(mcast(content)));
}

test("small messages share a frame as long as they fit", async (t) => {
  const queue = new LaneQueue("app", 100);
  for (const bytes of [30, 30, 30, 30]) queue.submit(filled(bytes), false);
  t.same(drain(queue).map(lengths), [[30, 30, 30], [30]]);
});

test("a message that fits a frame is cut only where an eighth of it would stay empty", (t) => {
  const queue = new LaneQueue("app", roomBytes);
  for (const bytes of [1200, 1200, 100]) queue.submit(filled(bytes), false);
  t.same(drain(queue).map(lengths), [[1200], [1200, 100]]);
  for (const bytes of [1024, 1024, 1024, 1024]) queue.submit(filled(bytes), false);
  const contents = drain(queue);
  t.same(contents.map(lengths), [[1024, 334], [690, 668], [356, 1002], [22]]);
  t.same(
    reassemble(contents).map((each) => each.length),
    [1024, 1024, 1024, 1024],
  );
  t.end();
});

test("a larger message becomes a chain, with whole messages before and behind it", async (t) => {
  const queue = new LaneQueue("app", roomBytes);
  queue.submit(filled(100), false);
  queue.submit(filled(2000), false);
  queue.submit(filled(50), false);
  const contents = drain(queue);
  t.same(contents.map(lengths), [
    [100, 1259],
    [741, 50],
  ]);
  t.same(
    contents.map((content) => [content.headFragment, content.tailFragment]),
    [
      [0, 1],
      [1, 0],
    ],
  );
});

test("chain ids run from 1 to 255 and never repeat in a row", async (t) => {
  const queue = new LaneQueue("app", 200);
  for (let sent = 0; sent < 300; sent += 1) queue.submit(filled(250), false);
  const ids = drain(queue).flatMap((content) =>
    content.tailFragment === 0 ? [] : [content.tailFragment],
  );
  t.equal(ids.length, 300);
  t.same(ids.slice(0, 3), [1, 2, 3]);
  t.same(ids.slice(253, 257), [254, 255, 1, 2]);
});

test("a frame is safe when a safe message ends in it", async (t) => {
  const queue = new LaneQueue("app", 200);
  queue.submit(filled(300), true);
  queue.submit(filled(180), false);
  t.same(
    drain(queue).map((content) => content.safe),
    [false, true, false],
  );
});

test("in the next configuration only an unfinished message starts over", async (t) => {
  const queue = new LaneQueue("app", 200);
  queue.submit(filled(300, 1), false);
  queue.submit(filled(300, 2), false);
  const first = queue.takeFrame();
  const second = queue.takeFrame();
  t.ok(first !== null && second !== null && second.tailFragment !== 0);
  queue.restart();
  const again = reassemble(drain(queue));
  t.same(again, [filled(300, 2)], "only the second message, from its first byte");
});

test("whatever is submitted comes out whole and in order, in frames that fit", async (t) => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(9000)), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 150, max: 3000 }), (bytes, room) => {
      const queue = new LaneQueue("app", room);
      const sent = bytes.map((size, index) => filled(size, index + 1));
      for (const payload of sent) queue.submit(payload, false);
      const contents = drain(queue);
      const received = reassemble(contents);
      const full = contents.every((content) => {
        return content.chunks.reduce((sum, chunk) => sum + chunkCost(chunk.length), 0) <= room;
      });
      return (
        full &&
        Buffer.concat([...received]).equals(Buffer.concat(sent)) &&
        received.length === sent.length &&
        queue.bytes === 0 &&
        queue.frames === 0
      );
    }),
    { numRuns: 300 },
  );
  t.pass("300 queues");
});

test("a broken chain loses only its own message", async (t) => {
  const assembler = new Assembler();
  const lost = mcast({ headFragment: 4, tailFragment: 0, chunks: [filled(5, 1), filled(6, 2)] });
  t.same(assembler.accept(lost), [filled(6, 2)], "the message behind the orphan is delivered");
  assembler.accept(mcast({ tailFragment: 7, chunks: [filled(1, 3)] }));
  const other = mcast({ headFragment: 8, tailFragment: 9, chunks: [filled(1, 4), filled(1, 5)] });
  t.same(assembler.accept(other), [], "the chain with another id is dropped");
  const end = mcast({ headFragment: 9, chunks: [filled(1, 6)] });
  t.same(assembler.accept(end), [Buffer.from([5, 6])], "the chain begun behind it is whole");
});

test("chains of different originators and lanes do not touch each other", async (t) => {
  const assembler = new Assembler();
  assembler.accept(mcast({ lane: "app", tailFragment: 1, chunks: [filled(1, 1)] }));
  assembler.accept(mcast({ lane: "sync", tailFragment: 1, chunks: [filled(1, 2)] }));
  t.same(assembler.accept(mcast({ lane: "sync", headFragment: 1, chunks: [filled(1, 3)] })), [
    Buffer.from([2, 3]),
  ]);
  t.same(assembler.accept(mcast({ lane: "app", headFragment: 1, chunks: [filled(1, 4)] })), [
    Buffer.from([1, 4]),
  ]);
});

test("a chain longer than the longest message is dropped", async (t) => {
  const assembler = new Assembler();
  assembler.accept(mcast({ tailFragment: 1, chunks: [filled(messageBytesMax)] }));
  const more = mcast({ headFragment: 1, tailFragment: 1, chunks: [filled(1)] });
  t.same(assembler.accept(more), []);
  t.same(assembler.accept(mcast({ headFragment: 1, chunks: [filled(1)] })), []);
});

test("a full lane refuses, and is announced writable when half is sent", async (t) => {
  const queues = new SendQueues(roomBytes);
  queues.endSync();
  const count = queueBytesMax / messageBytesMax;
  for (let sent = 0; sent < count; sent += 1) {
    t.ok(queues.submit("app", filled(messageBytesMax), false));
  }
  t.notOk(queues.submit("app", filled(1), false), "the byte that is too much");
  t.same(queues.takeWritable(), []);
  while (queues.bytes > queueBytesMax / 2) queues.takeFrame();
  t.same(queues.takeWritable(), ["app"]);
  t.same(queues.takeWritable(), [], "announced once");
});

test("until the exchange of a configuration has ended only sync messages are sent", async (t) => {
  const queues = new SendQueues(roomBytes);
  queues.submit("app", filled(10), false);
  queues.submit("sync", filled(20), false);
  t.equal(queues.takeFrame()?.lane, "sync");
  t.equal(queues.takeFrame(), null);
  t.equal(queues.backlog, 0, "app messages are no backlog yet");
  queues.endSync();
  t.equal(queues.takeFrame()?.lane, "app");
});

import { test } from "tap";
import { headerBytes, tagBytes } from "../../src/io/frames/frame-header.ts";
import { announcingBody, fillingBody, readProbe } from "../../src/ring-thread/path-probe.ts";
import { PathWatch } from "../../src/ring-thread/path-watch.ts";
import { node } from "../membership/frames.ts";

const short = { packetBytes: 1500, full: false };
const long = { packetBytes: 1500, full: true };

test("a filling frame takes what the datagram has left", async (t) => {
  const body = fillingBody(1500, 1000);
  t.equal(headerBytes + (body?.length ?? 0) + tagBytes, 1000);
  t.same(readProbe(body ?? Buffer.alloc(0)), long);
  t.equal(fillingBody(1500, headerBytes + tagBytes), null, "or there is no room for one");
  t.equal(fillingBody(1500, -20), null);
});

test("a short probe says how long the long ones are", async (t) => {
  t.same(readProbe(announcingBody(9000)), { packetBytes: 9000, full: false });
  t.equal(readProbe(Buffer.alloc(1)), null);
});

test("three announcements without a long packet are told once, with their length", async (t) => {
  const watch = new PathWatch((id) => `node ${id}`);
  t.equal(watch.heard(node(3), short), null);
  t.equal(watch.heard(node(3), short), null);
  const notice = watch.heard(node(3), short);
  t.match(notice, { level: "err", text: /^frames of 1500 bytes do not arrive from node 3: MTU/ });
  t.equal(watch.heard(node(3), short), null);
  t.match(watch.heard(node(3), long), { text: "frames of 1500 bytes arrive from node 3 now" });
  t.equal(watch.heard(node(3), long), null);
});

test("nobody is accused whose long packets arrive, if only now and then", async (t) => {
  const watch = new PathWatch((id) => `node ${id}`);
  for (let second = 0; second < 100; second += 1) {
    t.equal(watch.heard(node(3), short), null);
    if (second % 2 === 0) t.equal(watch.heard(node(3), long), null);
  }
});

import { test } from "tap";
import { SegmentSender } from "../../src/io/network/segment-sender.ts";
import type { SystemCalls } from "../../src/io/system-calls.ts";
import { accept, refuse } from "../../src/model/outcome.ts";

const again = 11;
const inputOutput = 5;
const targets = ["10.0.0.2", "10.0.0.3"].map((address) => ({
  address,
  bytes: Buffer.from(address),
}));
const [second] = targets;

/** A sender whose calls are written down; the kernel answers `errno` where it is not null. */
function bench(names: readonly string[] = ["10.0.0.2"]) {
  const calls: string[] = [];
  const kernel = { errno: null as number | null };
  const stub: Pick<SystemCalls, "setOption" | "sendTo"> = {
    setOption: (_fd, { value }) => {
      calls.push(`size ${value}`);
      return accept(null);
    },
    sendTo: (_fd, bytes, address) => {
      if (kernel.errno !== null) return refuse(kernel.errno);
      calls.push(`${Buffer.from(address)} ${Buffer.from(bytes)}`);
      return accept(null);
    },
  };
  const sender = new SegmentSender(
    {
      calls: stub,
      fd: 3,
      onRefused: (address, frame) => calls.push(`refused ${address} ${Buffer.from(frame)}`),
    },
    targets.filter(({ address }) => names.includes(address)),
  );
  const add = (...frames: readonly string[]): void => {
    for (const text of frames) sender.add([Buffer.from(text)]);
  };
  const one = (text: string): void => {
    if (second !== undefined) sender.one(second, [Buffer.from(text)]);
  };
  return { sender, calls, kernel, add, one };
}

test("frames of one size go in one call, to each receiver", (t) => {
  const { sender, calls, add } = bench(["10.0.0.2", "10.0.0.3"]);
  add("aaa", "bbb", "ccc");
  t.same(calls, []);
  sender.flush();
  sender.flush();
  t.same(calls, ["size 3", "10.0.0.2 aaabbbccc", "10.0.0.3 aaabbbccc"]);
  t.end();
});

test("a shorter frame ends the run, a longer one begins the next", (t) => {
  const { sender, calls, add } = bench();
  add("aaa", "b", "ccc", "dddd", "eeee");
  sender.flush();
  t.same(calls, ["size 3", "10.0.0.2 aaab", "10.0.0.2 ccc", "size 4", "10.0.0.2 ddddeeee"]);
  t.end();
});

test("what goes to one receiver comes behind what went to all, and is never cut", (t) => {
  const { calls, add, one } = bench();
  add("aa", "bb");
  one("token");
  one("t");
  t.same(calls, ["size 2", "10.0.0.2 aabb", "size 0", "10.0.0.2 token", "10.0.0.2 t"]);
  t.end();
});

test("SEGMENT2: a run has 64 frames and 60,000 bytes at most", (t) => {
  const many = bench();
  many.add(...Array.from({ length: 65 }, () => "x"));
  t.same(many.calls, ["size 1", `10.0.0.2 ${"x".repeat(64)}`]);
  const large = bench();
  large.add("y".repeat(30_000), "y".repeat(30_000), "y".repeat(30_000));
  t.same(large.calls, ["size 30000", `10.0.0.2 ${"y".repeat(60_000)}`]);
  t.end();
});

test("SEGMENT1: where the kernel cannot cut, frames come back in order, and go one by one", (t) => {
  const { sender, calls, kernel, add } = bench();
  kernel.errno = inputOutput;
  add("aaa", "bbb", "c");
  sender.flush();
  const refused = ["aaa", "bbb", "c"].map((text) => `refused 10.0.0.2 ${text}`);
  t.same(calls, ["size 3", "size 0", ...refused]);
  t.equal(sender.able, false);
  kernel.errno = null;
  calls.length = 0;
  add("ddd", "eee");
  t.same(calls, ["10.0.0.2 ddd", "10.0.0.2 eee"]);
  t.end();
});

test("SEGMENT1: a full buffer hands frames back and changes nothing for good", (t) => {
  const { sender, calls, kernel, add } = bench();
  kernel.errno = again;
  add("aaa", "bbb");
  sender.flush();
  t.same(calls, ["size 3", "size 0", "refused 10.0.0.2 aaa", "refused 10.0.0.2 bbb"]);
  t.equal(sender.able, true);
  t.end();
});

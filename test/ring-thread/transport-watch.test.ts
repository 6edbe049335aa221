import { test } from "tap";
import { type NodeId, parseNodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { TransportWatch } from "../../src/ring-thread/transport-watch.ts";

function node(value: number): NodeId {
  const id = parseNodeId(value);
  if (id === null) throw new Error(`no node id: ${value}`);
  return id;
}

const others = [node(2), node(3)];
const group = "239.192.6.148";

function texts(watch: TransportWatch, nowMs: number, counters = {}): string[] {
  return watch.step(ms(nowMs), counters).notices.map(({ level, text }) => `${level}: ${text}`);
}

test("own multicasts that do not come back are told once, and once when they do", (t) => {
  const watch = new TransportWatch({ group, others: [] });
  t.same(texts(watch, 0), []);
  watch.sent();
  t.same(texts(watch, 1000), []);
  t.same(texts(watch, 3999), []);
  const [told = "", ...more] = texts(watch, 4000);
  t.match(told, /^warning: our own multicasts to 239\.192\.6\.148 do not come back: .*"udpu"$/);
  t.same(more, []);
  t.same(texts(watch, 60_000), []);
  watch.returned();
  t.same(texts(watch, 61_000), ["notice: our own multicasts come back now"]);
  t.same(texts(watch, 120_000), []);
  t.end();
});

test("a node that is heard by unicast only is named, with the remedy", (t) => {
  const watch = new TransportWatch({ group, others });
  watch.sent();
  watch.returned();
  watch.heard(node(2), { byGroup: false, nowMs: ms(500) });
  watch.heard(node(2), { byGroup: false, nowMs: ms(3000) });
  watch.heard(node(3), { byGroup: false, nowMs: ms(500) });
  watch.heard(node(3), { byGroup: true, nowMs: ms(600) });
  t.same(texts(watch, 3400), []);
  const [told = "", ...more] = texts(watch, 3500);
  t.match(told, /^warning: node 2 is heard by unicast, its multicasts .* IGMP .*"udpu"$/);
  t.same(more, []);
  t.same(texts(watch, 60_000), []);
  watch.heard(node(2), { byGroup: true, nowMs: ms(60_100) });
  t.same(texts(watch, 61_000), ["notice: multicasts of node 2 arrive now"]);
  t.end();
});

test("silent nodes are probed, never accused", (t) => {
  const watch = new TransportWatch({ group, others });
  t.same(watch.step(ms(9000), {}).probe, []);
  watch.sent();
  watch.returned();
  t.same(watch.step(ms(10_000), {}).probe, []);
  t.same(watch.step(ms(13_000), {}), { notices: [], probe: others });
  watch.heard(node(3), { byGroup: true, nowMs: ms(13_100) });
  t.same(watch.step(ms(99_000), {}), { notices: [], probe: [node(2)] });
  t.end();
});

test("with a copy for every node there is no multicast to miss", (t) => {
  const watch = new TransportWatch({ group: null, others });
  watch.sent();
  watch.heard(node(2), { byGroup: false, nowMs: ms(1) });
  t.same(watch.step(ms(99_000), {}), { notices: [], probe: [] });
  t.end();
});

test("send errors are told by name, at most once in ten seconds", (t) => {
  const watch = new TransportWatch({ group: null, others });
  t.same(texts(watch, 0, { "frames-sent": 9 }), []);
  t.same(texts(watch, 1000, { "send-failed-ENETUNREACH": 2, "send-failed-EPERM": 1 }), [
    "warning: 3 frames could not be sent (ENETUNREACH, EPERM): " +
      "is the ring's interface up, with a route to the nodes?",
  ]);
  t.same(texts(watch, 2000, { "send-failed-ENETUNREACH": 20, "send-failed-EPERM": 1 }), []);
  t.match(texts(watch, 11_000, { "send-failed-ENETUNREACH": 29, "send-failed-EPERM": 1 }), [
    /^warning: 27 frames could not be sent/,
  ]);
  t.same(texts(watch, 99_000, { "send-failed-ENETUNREACH": 29, "send-failed-EPERM": 1 }), []);
  t.end();
});

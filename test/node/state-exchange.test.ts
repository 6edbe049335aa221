/** The states of the state exchange, and what each of them holds. */
import { test } from "tap";
import { LastHeard } from "../../src/node/last-heard.ts";
import { type Snapshot, StateExchange } from "../../src/node/state-exchange.ts";
import { concludeExchange, type Hello, type History } from "../../src/services/table/table-sync.ts";
import { id } from "../sim/cluster.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const ring = { rep: id(1), seq: 8 };
const members = [id(1), id(2)];
const identity = { self: id(1), machine: "machine 1", watchdog: false };
const older: History = { ringSeq: 4, version: 3, digest: "a", workedIn: null };
const newer: History = { ringSeq: 6, version: 5, digest: "b", workedIn: null };

function hello(node: number, history: History | null): Hello {
  const conf = { cluster: "c", configVersion: 1, configHash: "hash", configFixed: "fixed" };
  const votes = { votes: 1, quorum: 2, expected: 2, waitsForAll: false, quorate: true };
  const memory = { last: null, doubts: [] };
  const heard = { watchdog: false, silent: [], machine: `machine ${node}`, machines: [] };
  const about = { ...conf, ...votes, ...memory, ...heard };
  return { type: "hello", ring, node: id(node), life: 1, history, ...about };
}

function begun(): StateExchange {
  const exchange = new StateExchange(id(1), new LastHeard(sampleConf().fencing, identity));
  const configuration = { kind: "regular", ring, members, joined: [], left: [] } as const;
  exchange.begin({ type: "configuration", configuration, heardAt: [] });
  return exchange;
}

/** Both members have spoken, and the exchange is concluded. */
function concluded(own: History | null, other: History | null): StateExchange {
  const exchange = begun();
  exchange.collect(id(1), hello(1, own));
  const all = exchange.collect(id(2), hello(2, other)) ?? [];
  exchange.conclude(concludeExchange(all));
  return exchange;
}

function snapshotOf(hash: string): Snapshot {
  const configuration = { version: 1, hash, text: "its text" };
  return { type: "snapshot", ring, history: newer, configuration, table: null, fence: null };
}

test("nothing is concluded before every member has spoken for itself", async (t) => {
  const exchange = begun();
  t.equal(exchange.phase, "exchanging");
  t.equal(exchange.collect(id(1), hello(1, newer)), null);
  t.equal(exchange.collect(id(1), hello(2, newer)), null, "in the name of another member");
  t.equal(exchange.collect(id(3), hello(3, newer)), null, "no member");
  t.same(
    exchange.collect(id(2), hello(2, newer))?.map(({ node }) => node),
    members,
  );
});

test("a ring is doubtful while a hello is missing, also after the end of the lease", async (t) => {
  const exchange = begun();
  t.same(exchange.doubtful, { ring: ring.seq, members });
  exchange.end();
  t.equal(exchange.phase, "apart");
  t.same(exchange.doubtful, { ring: ring.seq, members });
  const complete = concluded(newer, newer);
  t.equal(complete.doubtful, null);
  complete.activate();
  complete.end();
  t.equal(complete.doubtful, null);
});

test("members of one history go on at once, each in the life it had", async (t) => {
  const exchange = concluded(newer, newer);
  const { first, grown, lives, result } = exchange.activate();
  t.same(
    { first, grown, continuing: result.continuing },
    { first: true, grown: true, continuing: members },
  );
  t.same(
    lives,
    members.map((node) => ({ node, life: 1 })),
  );
  t.ok(exchange.active);
  t.same(exchange.members, members);
});

test("TRANSFER1: what is ordered after a snapshot waits until that can be read", async (t) => {
  const exchange = concluded(older, newer);
  t.equal(exchange.phase, "transferring");
  t.equal(exchange.receive(id(1), snapshotOf("hash"), "hash"), "not-awaited", "no authority");
  t.equal(exchange.receive(id(2), snapshotOf("another"), "hash"), "read");
  t.same(exchange.unread, ["its text"]);
  const tick = { layer: "services", body: { type: "tick", at: 5 } } as const;
  exchange.keep(tick);
  t.equal(exchange.takeSnapshot(), null);
  exchange.noteRead("its text");
  t.same(exchange.takeSnapshot()?.later, [tick]);
  t.equal(exchange.takeSnapshot(), null, "it is taken once");
  t.same(exchange.activate().lives, [
    { node: id(1), life: 2 },
    { node: id(2), life: 1 },
  ]);
});

test("a member of the history that goes on needs no snapshot, but waits for it", async (t) => {
  const exchange = concluded(newer, older);
  t.equal(exchange.receive(id(1), snapshotOf("hash"), "hash"), "has-state");
  t.equal(exchange.activate().grown, true);
});

test("only inquorate members say hello once more in the same ring", async (t) => {
  const exchange = concluded(newer, newer);
  t.equal(exchange.repeat(), false);
  exchange.activate();
  t.equal(exchange.repeat(), false);
  const apart = begun();
  for (const node of members) apart.collect(node, hello(node, newer));
  t.same(apart.becomeInquorate(), ring, "the ring waits for the first exchange");
  t.equal(apart.repeat(), true);
  t.equal(apart.phase, "exchanging");
  for (const node of members) apart.collect(node, hello(node, newer));
  t.equal(apart.becomeInquorate(), null, "and for no other one");
});

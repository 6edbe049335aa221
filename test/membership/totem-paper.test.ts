/** One test per rule of the protocol, titled with the function of totemsrp.c that holds it. */
import { test } from "tap";
import { queueBytesMax, type RingOutput } from "../../src/membership/ring-events.ts";
import type { RingMessage } from "../../src/membership/wire.ts";
import { ms } from "../../src/model/time.ts";
import { join, mcast, mergeDetect, node, nodes, token } from "./frames.ts";
import {
  commitIn,
  committed,
  completed,
  incarnation,
  operational,
  RingDriver,
  recovering,
} from "./ring-driver.ts";

function kinds(outputs: readonly RingOutput[]): readonly string[] {
  return outputs.map((output) => {
    if (output.type === "multicast" || output.type === "unicast") return output.message.type;
    if (output.type === "arm" || output.type === "disarm") return `${output.type} ${output.timer}`;
    return output.type;
  });
}

function sent(outputs: readonly RingOutput[], type: RingMessage["type"]): readonly RingMessage[] {
  const messages: RingMessage[] = [];
  for (const output of outputs) {
    if (output.type !== "multicast" && output.type !== "unicast") continue;
    if (output.message.type === type) messages.push(output.message);
  }
  return messages;
}

function deliveredTexts(outputs: readonly RingOutput[]): readonly string[] {
  const texts: string[] = [];
  for (const output of outputs) {
    if (output.type === "deliver") texts.push(Buffer.from(output.payload).toString());
  }
  return texts;
}

function suspendedFor(outputs: readonly RingOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.type === "suspended" ? [output.reason] : []));
}

test("message_handler_orf_token: a token of another ring is dropped", async (t) => {
  const driver = operational();
  t.same(driver.rotate({ ring: { rep: node(2), seq: 100 } }), []);
});

test("message_handler_orf_token: a copy changes nothing and arms no timer", async (t) => {
  const driver = operational();
  const again = driver.token;
  driver.rotate();
  t.ok(again !== null && driver.receive(3, again).length === 0);
  t.equal(driver.counter("duplicate token"), 1);
});

test("message_handler_orf_token: passed on before anything is delivered", async (t) => {
  const driver = operational();
  driver.submit("m");
  t.same(kinds(driver.rotate()), [
    "token-accepted",
    "arm token",
    "mcast",
    "token",
    "token-passed",
    "arm retransmit",
    "deliver",
  ]);
});

test("message_handler_orf_token: release takes two tokens", async (t) => {
  const driver = operational();
  driver.submit("m");
  driver.rotate();
  t.equal(driver.counter("delivered seq"), 1);
  driver.rotate({ aru: 1, aruNode: null });
  t.equal(driver.counter("released seq"), 0, "one token is not enough");
  driver.rotate({ aru: 1, aruNode: null });
  t.equal(driver.counter("released seq"), 1);
});

test("message_handler_orf_token: a safe message waits for two tokens that passed it", async (t) => {
  const driver = operational();
  driver.submit("safe", { safe: true });
  driver.submit("behind");
  t.same(deliveredTexts(driver.rotate()), []);
  t.same(deliveredTexts(driver.rotate({ aru: 1, aruNode: null })), []);
  t.same(deliveredTexts(driver.rotate({ aru: 1, aruNode: null })), ["safe", "behind"]);
});

test("message_handler_mcast: agreed messages are delivered up to the gap at once", async (t) => {
  const driver = operational();
  const ring = driver.ringId;
  const from3 = { ring, origin: node(3) };
  t.same(deliveredTexts(driver.receive(3, mcast({ ...from3, seq: 2 }))), []);
  t.same(deliveredTexts(driver.receive(3, mcast({ ...from3, seq: 1 }))), ["m", "m"]);
  t.same(driver.receive(3, mcast({ ...from3, seq: 1 })), [], "a copy");
  t.same(driver.receive(4, mcast({ ring, origin: node(4), seq: 3 })), [], "not from a member");
});

test("orf_token_rtr: requests what is missing here, sends again what others miss", async (t) => {
  const driver = operational();
  driver.submit("mine");
  driver.rotate();
  for (let visit = 0; visit < 4; visit += 1) driver.rotate({ seq: 2, aru: 0, aruNode: node(3) });
  t.same(driver.token?.rtr, [], "four visits prove nothing");
  driver.rotate();
  t.same(driver.token?.rtr, [2]);
  const outputs = driver.rotate({ rtr: [2, 1] });
  t.same(
    sent(outputs, "mcast").map((message) => message.type === "mcast" && message.seq),
    [1],
  );
  t.same(driver.token?.rtr, [2]);
});

test("token_hold: the representative keeps the token of an idle ring, then sends it", async (t) => {
  const driver = operational();
  for (let visit = 0; visit < 40 && driver.counter("sent token") < 200; visit += 1) {
    const outputs = driver.rotate();
    if (kinds(outputs).includes("arm hold")) {
      t.notOk(kinds(outputs).includes("token"), "kept");
      t.notOk(kinds(outputs).includes("token-passed"));
      t.same(kinds(driver.timer("hold")), [
        "disarm hold",
        "token",
        "token-passed",
        "arm retransmit",
      ]);
      return;
    }
  }
  t.fail("the token was never held");
});

function idle(): RingDriver {
  const driver = operational();
  for (let visit = 0; visit < 40; visit += 1) {
    if (kinds(driver.rotate()).includes("arm hold")) return driver;
  }
  throw new Error("the ring does not become idle");
}

test("message_handler_token_hold_cancel: a held token goes at once", async (t) => {
  const driver = idle();
  const other = { type: "hold-cancel", ring: { rep: node(1), seq: 9999 } } as const;
  t.same(driver.receive(2, other), [], "not for another ring");
  const outputs = driver.receive(2, { type: "hold-cancel", ring: driver.ringId });
  t.same(kinds(outputs), ["disarm hold", "token", "token-passed", "arm retransmit"]);
});

test("token_hold_cancel_send: a message submitted to an idle ring wakes it once", async (t) => {
  const driver = idle();
  t.equal(sent(driver.submit("a"), "hold-cancel").length, 1);
  t.equal(sent(driver.submit("b"), "hold-cancel").length, 0);
});

test("timer_function_token_retransmit_timeout: the same token again, and the timer", async (t) => {
  const driver = operational();
  driver.rotate();
  const before = driver.token;
  const outputs = driver.timer("retransmit");
  t.same(kinds(outputs), ["token", "arm retransmit"], "and no second token-passed");
  t.same(driver.token, before);
});

test("timer_function_orf_token_timeout: suspended first, then gather", async (t) => {
  const driver = operational();
  const outputs = driver.timer("token");
  t.equal(outputs[0]?.type, "suspended");
  t.ok(kinds(outputs).includes("arm consensus"));
  const [message] = sent(outputs, "join");
  t.ok(message?.type === "join" && message.proc.join() === "1,2,3" && message.failed.length === 0);
  t.equal(driver.state, "gather");
});

test("timer_function_orf_token_warning: a late token is logged, once", async (t) => {
  const driver = operational();
  const warnings = (): readonly string[] => {
    return driver.timer("merge").flatMap((output) => {
      return output.type === "notice" && output.notice.level === "warning"
        ? [output.notice.text]
        : [];
    });
  };
  t.same(warnings(), [], "a token came in this interval");
  for (let quiet = 0; quiet < 3; quiet += 1) t.same(warnings(), []);
  t.same(warnings(), ["no token for 800 ms; it counts as lost after 1000 ms"]);
  t.same(warnings(), [], "told already");
  driver.rotate();
  t.same(warnings(), []);
});

test("fail_to_recv_const: a deaf node leaves by time, but not before fifty visits", async (t) => {
  const driver = operational();
  const visit = (times: number): void => {
    for (let visits = 0; visits < times; visits += 1) {
      driver.rotate({ seq: 1, aru: 0, aruNode: node(1) });
      driver.timer("hold");
    }
  };
  visit(1);
  driver.timer("merge");
  visit(49);
  for (let interval = 0; interval < 20; interval += 1) driver.timer("merge");
  t.equal(driver.state, "operational", "a slow ring proves nothing");
  visit(1);
  const outputs = driver.timer("merge");
  t.same(suspendedFor(outputs), ["failed to receive"]);
  const [leave] = sent(outputs, "join");
  t.ok(leave?.type === "join" && leave.leave, "the others go on at once");
});

test("fail_to_recv_const: a node that holds the aru down for twice that has failed", async (t) => {
  const driver = operational();
  driver.submit("m");
  driver.rotate();
  for (let interval = 0; interval < 20; interval += 1) {
    driver.rotate({ aru: 0, aruNode: node(3) });
    driver.timer("merge");
  }
  t.equal(driver.state, "operational", "it has twice the time to notice by itself");
  driver.rotate({ aru: 0, aruNode: node(3) });
  const outputs = driver.timer("merge");
  t.same(suspendedFor(outputs), ["node 3 failed to receive"]);
  const [message] = sent(outputs, "join");
  t.ok(message?.type === "join" && message.failed.join() === "3");
});

test("memb_state_consensus_timeout_expired: the silent have failed", async (t) => {
  const driver = operational();
  driver.timer("token");
  driver.timer("join");
  driver.receive(2, join({ proc: nodes(1, 2, 3), ringSeq: driver.counter("ring seq") }));
  const [message] = sent(driver.timer("consensus"), "join");
  t.ok(message?.type === "join" && message.failed.join() === "3");
});

test("memb_state_consensus_timeout_expired: agreed, we await the commit", async (t) => {
  const driver = new RingDriver(2);
  driver.step({ type: "start" });
  driver.receive(1, join({ proc: nodes(1, 2) }));
  const outputs = driver.timer("consensus");
  t.same(kinds(outputs), ["arm token"]);
  t.ok(kinds(driver.timer("token")).includes("arm consensus"));
});

test("memb_join_process: changes within five milliseconds share a join", async (t) => {
  const driver = new RingDriver(1);
  t.equal(sent(driver.step({ type: "start" }), "join").length, 1);
  t.equal(sent(driver.receive(2, join({ proc: nodes(2) })), "join").length, 0);
  t.equal(sent(driver.receive(3, join({ proc: nodes(2, 3) })), "join").length, 0);
  const [message] = sent(driver.timer("join"), "join");
  t.ok(message?.type === "join" && message.proc.join() === "1,2,3", "one for both changes");
});

test("memb_join_process: a stranger's list that changes nothing starts nothing", async (t) => {
  const driver = operational();
  driver.timer("token");
  const strange = join({ proc: nodes(1, 2, 3), failed: nodes(3), ringSeq: 100 });
  driver.receive(4, join({ proc: nodes(1, 2, 3, 4), ringSeq: 100 }));
  const before = driver.counter("gather entries");
  driver.receive(4, strange);
  t.equal(driver.counter("gather entries"), before);
});

test("ignore_join_under_operational: late and excluding joins are dropped", async (t) => {
  const driver = operational();
  const seq = driver.counter("ring seq");
  const proc = nodes(1, 2, 3);
  t.same(driver.receive(2, join({ proc, ringSeq: seq - 1 })), []);
  t.same(driver.receive(2, join({ proc, failed: nodes(1), ringSeq: seq })), []);
  t.equal(driver.state, "operational");
  driver.receive(2, join({ proc, ringSeq: seq }));
  t.equal(driver.state, "gather");
});

test("message_handler_memb_join: a leaver is excluded at once and needs no consent", async (t) => {
  const driver = operational();
  const ringSeq = driver.counter("ring seq");
  const outputs = driver.receive(
    2,
    join({ proc: nodes(1, 3), failed: nodes(2), leave: true, ringSeq }),
  );
  t.same(suspendedFor(outputs), ["node 2 leaves"]);
  const agreed = join({ proc: nodes(1, 2, 3), failed: nodes(2), ringSeq });
  const commit = commitIn(driver.receive(3, agreed));
  t.same(
    commit?.members.map((entry) => entry.node),
    [1, 3],
  );
});

test("memb_state_commit_token_create: four ahead of all that was seen", async (t) => {
  const { commit } = committed({ ringSeqStart: 50 });
  t.same([commit.ring.rep, commit.ring.seq, commit.index], [1, 54, 1]);
});

test("memb_state_commit_enter: no ring is entered above the durable bound", async (t) => {
  const driver = new RingDriver(1, { ringSeqDurable: 1 });
  const asked = driver.step({ type: "start" }).filter((output) => output.type === "persist");
  t.equal(asked.length, 1, "the lease is asked for at once");
  const sets = { proc: nodes(1, 2), ringSeq: 1 };
  t.equal(commitIn(driver.receive(2, join(sets))), null, "agreed, but not durable");
  t.ok(commitIn(driver.step({ type: "persisted", ringSeq: 4000 })) !== null);
});

test("memb_state_commit_enter: a member waits for its durable bound, too", async (t) => {
  const driver = new RingDriver(2, { ringSeqDurable: 1 });
  driver.step({ type: "start" });
  driver.receive(1, join({ proc: nodes(1, 2) }));
  const commit = {
    type: "commit",
    ring: { rep: node(1), seq: 12 },
    index: 1,
    members: [
      {
        node: node(1),
        state: { oldRing: null, aru: 0, highDelivered: 0, received: true, obliged: [] },
      },
      { node: node(2), state: null },
    ],
  } as const;
  driver.receive(1, commit);
  t.equal(driver.state, "gather");
  driver.step({ type: "persisted", ringSeq: 4000 });
  driver.receive(1, commit);
  t.equal(driver.state, "commit", "the sender repeats it");
});

test("message_handler_memb_commit_token: our agreement, our turn, newer", async (t) => {
  const driver = new RingDriver(2);
  driver.step({ type: "start" });
  driver.receive(1, join({ proc: nodes(1, 2) }));
  const state = { oldRing: null, aru: 0, highDelivered: 0, received: true, obliged: [] };
  const filled = { node: node(1), state };
  const open = { node: node(2), state: null };
  const good = {
    type: "commit",
    ring: { rep: node(1), seq: 12 },
    index: 1,
    members: [filled, open],
  } as const;
  driver.receive(1, { ...good, members: [filled, open, { node: node(3), state: null }] });
  driver.receive(1, { ...good, index: 0, members: [{ node: node(1), state: null }, open] });
  driver.receive(1, { ...good, ring: { rep: node(1), seq: 1 } });
  t.equal(driver.state, "gather");
  driver.receive(1, good);
  t.equal(driver.state, "commit");
});

test("message_handler_memb_commit_token: only the ring being formed", async (t) => {
  const { driver, commit } = committed();
  const other = { ...completed(commit), ring: { rep: node(1), seq: commit.ring.seq + 4 } };
  driver.receive(3, other);
  t.equal(driver.state, "commit");
  driver.receive(3, completed(commit));
  t.equal(driver.state, "recovery");
  t.equal(sent(driver.receive(3, other), "token").length, 0);
  t.equal(sent(driver.receive(3, completed(commit)), "token").length, 1, "the first token");
  t.equal(sent(driver.receive(3, completed(commit)), "token").length, 0, "once");
});

test("timer_function_token_retransmit_timeout: or the commit token", async (t) => {
  const { driver, commit } = committed();
  t.same(commitIn(driver.timer("retransmit")), commit);
});

test("message_handler_memb_join: in commit only from members as far as this node", async (t) => {
  const { driver, commit } = committed();
  const proc = nodes(1, 2, 3);
  driver.receive(2, join({ proc, ringSeq: commit.ring.seq - 1 }));
  driver.receive(4, join({ proc: nodes(4), ringSeq: commit.ring.seq }));
  t.equal(driver.state, "commit");
  driver.receive(2, join({ proc, ringSeq: commit.ring.seq }));
  t.equal(driver.state, "gather");
});

test("memb_state_recovery: installed after clear and stable rotations", async (t) => {
  const { driver } = recovering();
  const visits: string[] = [];
  for (let visit = 1; visit <= 4; visit += 1) {
    driver.rotate();
    visits.push(driver.state);
  }
  t.same(visits, ["recovery", "recovery", "recovery", "operational"]);
});

test("memb_state_recovery: no installation while a member has copies to send", async (t) => {
  const { driver } = recovering();
  for (let visit = 0; visit < 10; visit += 1) driver.rotate({ retransmitting: true });
  t.equal(driver.state, "recovery");
  for (let visit = 0; visit < 4; visit += 1) driver.rotate({ retransmitting: false });
  t.equal(driver.state, "operational");
});

test("memb_state_recovery: no installation while a member misses a copy", async (t) => {
  const { driver, commit } = recovering();
  const inner = Buffer.from("00", "hex");
  driver.receive(2, mcast({ ring: commit.ring, origin: node(2), seq: 1, inner, chunks: [] }));
  for (let visit = 0; visit < 10; visit += 1) driver.rotate({ seq: 1, aru: 0, aruNode: node(3) });
  t.equal(driver.state, "recovery");
  for (let visit = 0; visit < 4; visit += 1) driver.rotate({ aru: 1, aruNode: null });
  t.equal(driver.state, "operational");
});

test("memb_state_operational_enter: a first ring has no transitional configuration", async (t) => {
  const { driver } = recovering();
  const seen: string[] = [];
  for (let visit = 0; visit < 4; visit += 1) {
    for (const output of driver.rotate()) {
      if (output.type === "configuration") seen.push(output.configuration.kind);
      if (output.type === "token-accepted") seen.push(`operational ${output.operational}`);
    }
  }
  t.same(seen.slice(-2), ["operational false", "regular"]);
});

test("waiting_trans_ack: app messages wait until this ring's state exchange is done", async (t) => {
  const { driver } = recovering();
  while (driver.state !== "operational") driver.rotate();
  driver.submit("app");
  driver.step({ type: "submit", lane: "sync", payload: Buffer.from("sync"), safe: false });
  t.same(deliveredTexts(driver.rotate()), ["sync"]);
  driver.step({ type: "sync-done", ring: { rep: node(1), seq: 1 } });
  t.same(deliveredTexts(driver.rotate()), [], "that was another ring");
  driver.syncDone();
  t.same(deliveredTexts(driver.rotate()), ["app"]);
});

test("totempg check_q_level: a full queue refuses, and says when it has room again", async (t) => {
  const driver = operational();
  const payload = Buffer.alloc(1 << 20);
  const submit = (): readonly RingOutput[] => {
    return driver.step({ type: "submit", lane: "app", payload, safe: false });
  };
  for (let bytes = 0; bytes < queueBytesMax; bytes += payload.length) t.same(submit(), []);
  t.same(submit(), [{ type: "queue", lane: "app", state: "full" }]);
  const told: string[] = [];
  for (let visit = 0; visit < 300 && told.length === 0; visit += 1) {
    const outputs = driver.rotate({ aru: driver.token?.seq ?? 0, aruNode: null, fcc: 0 });
    told.push(...kinds(outputs).filter((kind) => kind === "queue"));
  }
  t.ok(told.length === 1 && driver.counter("queued bytes") <= queueBytesMax / 2);
});

test("merge gate: a foreign message is answered once per interval", async (t) => {
  const driver = operational();
  const foreign = mcast({ ring: { rep: node(4), seq: 900 }, origin: node(4) });
  t.same(kinds(driver.receive(4, foreign)), ["merge-detect"]);
  t.same(driver.receive(4, foreign), []);
  t.same(kinds(driver.timer("merge")), ["merge-detect", "arm merge"], "idle, it calls by itself");
  driver.submit("m");
  driver.rotate();
  driver.rotate();
  t.same(kinds(driver.timer("merge")), ["arm merge"], "busy, its messages are seen anyway");
  t.same(kinds(driver.receive(4, foreign)), ["merge-detect"]);
  t.equal(driver.state, "operational");
});

/** Companions say, by a merge detect of the common ring, whom they hear. */
function companionsHear(driver: RingDriver, heard: readonly number[]): void {
  const { ringId: ring } = driver;
  for (const from of [2, 3]) {
    driver.receive(from, mergeDetect({ ring, members: nodes(1, 2, 3), heard: nodes(...heard) }));
  }
}

test("merge gate: rings merge when all hear each other, not before", async (t) => {
  const driver = operational();
  const ring = { rep: node(4), seq: 900 };
  const calls = (heard: readonly number[]): void => {
    driver.receive(4, mergeDetect({ ring, members: nodes(4), heard: nodes(...heard) }));
  };
  calls([1, 2, 3]);
  t.equal(driver.state, "operational", "whom nodes 2 and 3 hear is not known");
  companionsHear(driver, [1, 4]);
  calls([1, 2]);
  t.equal(driver.state, "operational", "it does not hear node 3");
  calls([1, 2, 3]);
  t.equal(driver.state, "gather");
});

test("merge gate: a member that does not hear the stranger keeps it out", async (t) => {
  const driver = operational();
  companionsHear(driver, [1]);
  const ring = { rep: node(4), seq: 900 };
  driver.receive(4, mergeDetect({ ring, members: nodes(4), heard: nodes(1, 2, 3) }));
  driver.receive(4, join({ proc: nodes(4), heard: nodes(1, 2, 3), ringSeq: 900 }));
  t.equal(driver.state, "operational");
});

test("merge gate: what a member heard long ago does not count", async (t) => {
  const driver = operational();
  companionsHear(driver, [1, 4]);
  driver.timer("heard");
  driver.timer("heard");
  driver.receive(4, join({ proc: nodes(4), heard: nodes(1, 2, 3), ringSeq: 900 }));
  t.equal(driver.state, "operational");
});

test("merge gate: strangers wait until the token was with all members", async (t) => {
  const { driver } = recovering();
  while (driver.state !== "operational") driver.rotate();
  companionsHear(driver, [1, 4]);
  const stranger = join({ proc: nodes(4), heard: nodes(1, 2, 3), ringSeq: 900 });
  t.same(kinds(driver.receive(4, stranger)), ["merge-detect"], "answered");
  t.equal(driver.state, "operational");
  driver.rotate();
  driver.receive(4, stranger);
  t.equal(driver.state, "gather");
});

test("merge gate: a newly heard node is told within the interval", async (t) => {
  const driver = operational();
  const foreign = mcast({ ring: { rep: node(4), seq: 900 }, origin: node(4) });
  driver.timer("heard");
  driver.timer("heard");
  t.same(kinds(driver.receive(4, foreign)), ["merge-detect"]);
  companionsHear(driver, [1]);
  t.same(kinds(driver.receive(4, foreign)), ["merge-detect"], "nodes 2 and 3 were not in it");
  t.same(driver.receive(4, foreign), []);
});

test("merge gate: a joiner that does not hear all of us gets a merge detect", async (t) => {
  const driver = operational();
  const outputs = driver.receive(4, join({ proc: nodes(4), heard: nodes(1), ringSeq: 900 }));
  t.same(kinds(outputs).filter((kind) => kind === "merge-detect").length, 1);
  companionsHear(driver, [1, 4]);
  t.equal(driver.state, "operational");
  driver.receive(4, join({ proc: nodes(4), heard: nodes(1, 2, 3), ringSeq: 900 }));
  t.equal(driver.state, "gather");
});

test("merge gate: a member in a newer ring is believed, a late packet not", async (t) => {
  const driver = operational();
  const { seq } = driver.ringId;
  const late = mergeDetect({ ring: { rep: node(2), seq: seq - 1 }, members: nodes(2) });
  t.same(driver.receive(2, late), []);
  const newer = mergeDetect({ ring: { rep: node(2), seq: seq + 4 }, members: nodes(2, 3) });
  t.same(suspendedFor(driver.receive(2, newer)), ["stall"], "they went on without us");
});

test("timer_function_pause_timeout: the others have formed a ring without us", async (t) => {
  const driver = operational();
  const ring = { rep: node(2), seq: driver.ringId.seq + 4 };
  driver.receive(4, mergeDetect({ ring, members: nodes(2, 3, 4) }));
  t.equal(driver.state, "operational", "the token decides");
  t.same(suspendedFor(driver.timer("token")), ["stall"]);
});

test("timer_function_pause_timeout: long suspends at once, short with the token", async (t) => {
  const long = operational();
  t.same(suspendedFor(long.step({ type: "stall", lateMs: ms(2201) })), ["stall"]);
  const short = operational();
  t.same(suspendedFor(short.step({ type: "stall", lateMs: ms(1100) })), []);
  t.same(suspendedFor(short.timer("token")), ["stall"]);
  const harmless = operational();
  harmless.step({ type: "stall", lateMs: ms(1100) });
  harmless.rotate();
  t.same(suspendedFor(harmless.timer("token")), ["token lost"], "a token came after the stall");
});

test("totemsrp_memb_leave: suspended, told, and silent from then on", async (t) => {
  const driver = operational();
  const outputs = driver.step({ type: "leave" });
  const [message] = sent(outputs, "join");
  t.ok(message?.type === "join" && message.leave && message.failed.join() === "1");
  t.same(suspendedFor(outputs), ["leave"]);
  t.same(driver.rotate(), []);
  t.same(driver.timer("token"), []);
  t.equal(driver.state, "stopped");
});

test("main_deliver_fn: strangers and packets of an earlier life are dropped", async (t) => {
  const driver = operational();
  t.same(driver.receive(5, mergeDetect()), [], "not a configured node");
  const message = { type: "hold-cancel", ring: driver.ringId } as const;
  driver.step({ type: "frame", from: node(2), incarnation: incarnation(2), message });
  t.same(driver.rotate(), [], "node 2 has restarted since");
  t.equal(driver.counter("dropped stranger"), 2);
});

test("a token is refused where it cannot be used", async (t) => {
  const { driver, commit } = committed();
  t.same(driver.receive(3, token({ ring: commit.ring })), [], "in commit");
  const fresh = new RingDriver(1);
  fresh.step({ type: "start" });
  t.same(fresh.receive(3, token()), [], "in gather");
});

/** What clients are answered: each outcome's number, which scripts know from rgmanager. */
import { test } from "tap";
import { serviceReply } from "../../src/control/protocol.ts";
import { outcomeText, requestCode, saysOnlyFailure } from "../../src/control/request-codes.ts";
import { parseNodeId } from "../../src/model/ids.ts";
import {
  done,
  type Failure,
  failed,
  type Refusal,
  refused,
} from "../../src/model/request-outcome.ts";

/** By number, as `rgmanager` and its clusvcadm(8) use them. */
const refusals: Readonly<Record<number, readonly Refusal[]>> = {
  [-1]: ["stop-of-failed", "start-node-not-legal"],
  [-2]: ["start-of-failed"],
  [-4]: ["unknown-service"],
  [-5]: ["change-under-way", "too-many-waiting", "being-started", "being-relocated"],
  [-6]: [
    "member-again",
    "locked",
    "stop-node-leaving",
    "owner-not-ready",
    "busy",
    "held-by-change",
    "start-before-first-stop",
    "freeze-of-failed",
  ],
  [-7]: ["relocate-before-first-stop", "dependency-not-started", "target-occupied"],
  [-8]: ["no-member", "no-victim", "not-migratable", "not-started", "disabled"],
  [-9]: ["no-quorum", "between-lives"],
  [-10]: ["already-started", "nothing-left-out"],
  [-11]: ["frozen"],
  [-12]: ["start-node-not-ready"],
  [-13]: ["fencing-awaited", "holder-unseen", "stop-node-away"],
  [-15]: ["target-not-legal", "no-legal-node"],
  [-16]: ["no-empty-node"],
  [-17]: ["no-other-node"],
};

const failures: Readonly<Record<number, readonly Failure[]>> = {
  [-1]: ["change-given-up", "no-node-started-it", "overtaken", "repair-failed", "owner-lost"],
  [-2]: ["stop-failed"],
  [-6]: ["stopped-for-change"],
  [-9]: ["life-ended"],
  [-17]: ["back-on-origin"],
  [-19]: ["disabled-unclean"],
};

test("what is refused has the number that rgmanager answers", (t) => {
  for (const [code, reasons] of Object.entries(refusals)) {
    for (const why of reasons) t.equal(requestCode(refused(why)), Number(code), why);
  }
  t.end();
});

test("what was begun and not done has the number that rgmanager answers", (t) => {
  for (const [code, reasons] of Object.entries(failures)) {
    for (const why of reasons) t.equal(requestCode(failed(why)), Number(code), why);
  }
  t.end();
});

test("a reply has the number, where the service is, and a text", (t) => {
  const node2 = parseNodeId(2);
  t.same(serviceReply(done(node2), "Success"), { code: 0, owner: 2, text: "Success" });
  const frozen = serviceReply(refused("frozen"), outcomeText(refused("frozen")));
  t.same(frozen, { code: -11, owner: 0, text: "Failure: Service is frozen" });
  t.end();
});

test("rgmanager's own text says why, or only that it failed", (t) => {
  t.notOk(saysOnlyFailure(done()));
  t.notOk(saysOnlyFailure(refused("locked")));
  t.ok(saysOnlyFailure(failed("overtaken")));
  t.end();
});

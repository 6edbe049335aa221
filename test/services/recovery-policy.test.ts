/** The recovery policy and the window in which restarts are counted. */
import { test } from "tap";
import type { RecoveryPolicy } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import {
  chooseRecovery,
  mayLeaveNode,
  restartsInWindow,
} from "../../src/services/table/recovery-policy.ts";

function policy(recovery: RecoveryPolicy, maxRestarts = 2, expireMs = 300_000) {
  return { recovery, maxRestarts, restartExpireMs: ms(expireMs) };
}

/** What is chosen at each of the failures, the log being handed on. */
function choices(conf: ReturnType<typeof policy>, failuresAtSeconds: readonly number[]) {
  let log: readonly number[] = [];
  return failuresAtSeconds.map((at) => {
    const choice = chooseRecovery(conf, log, at * 1000);
    log = choice.type === "restart-in-place" ? choice.restartLog : [];
    return choice.type;
  });
}

const inPlace = "restart-in-place";

test("two failures within the window restart in place, the third relocates", async (t) => {
  t.same(choices(policy("restart"), [0, 100, 200]), [inPlace, inPlace, "relocate"]);
});

test("after the window was exceeded the count begins anew", async (t) => {
  const chosen = choices(policy("restart"), [0, 1, 2, 3, 4, 5]);
  t.same(chosen, [inPlace, inPlace, "relocate", inPlace, inPlace, "relocate"]);
});

test("failures 301 s apart always restart in place", async (t) => {
  t.same(choices(policy("restart"), [0, 301, 602, 903]), [inPlace, inPlace, inPlace, inPlace]);
});

test("restart-disable disables where restart relocates", async (t) => {
  t.same(choices(policy("restart-disable"), [0, 100, 200]), [inPlace, inPlace, "disable"]);
});

test("without max_restarts every failure restarts in place", async (t) => {
  const conf = policy("restart", 0);
  t.same(choices(conf, [0, 1, 2, 3]), [inPlace, inPlace, inPlace, inPlace]);
  t.same(chooseRecovery(conf, [1, 2, 3], 10), { type: inPlace, restartLog: [] });
});

test("relocate and disable do not count", async (t) => {
  t.same(chooseRecovery(policy("relocate"), [], 0), { type: "relocate" });
  t.same(chooseRecovery(policy("disable"), [], 0), { type: "disable" });
});

test("a restart is forgotten at exactly the expiry time; 0 never forgets", async (t) => {
  t.same(restartsInWindow([1000, 2000], { expireMs: 5000, nowMs: 6000 }), [2000]);
  t.same(restartsInWindow([1000, 2000], { expireMs: 5000, nowMs: 5999 }), [1000, 2000]);
  t.same(restartsInWindow([1000], { expireMs: 0, nowMs: 1e9 }), [1000]);
});

test("only restart-disable binds a service to its node", async (t) => {
  t.same((["restart", "relocate", "disable", "restart-disable"] as const).filter(mayLeaveNode), [
    "restart",
    "relocate",
    "disable",
  ]);
});

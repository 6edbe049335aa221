import fc from "fast-check";
import { test } from "tap";
import type { GuardInput, GuardOutput } from "../../src/guard/guard-events.ts";
import { LeaseGuard } from "../../src/guard/lease-guard.ts";
import type { LeaseEnd } from "../../src/model/lease-end.ts";

const watch: GuardInput = {
  type: "watch",
  killTimeoutMs: 1000,
  watchdog: null,
  missing: null,
  swept: false,
};
const ready = (nothingLeft: boolean) => ({
  type: "report",
  report: { type: "ready", nothingLeft },
});
const time: GuardInput = { type: "time" };
const gone: GuardInput = { type: "gone", why: "clusterd has ended" };
const fast: GuardInput = { type: "looked", tookMs: 250, rest: [] };
const certificate: GuardInput = { type: "certificate" };
const clean: GuardInput = { type: "swept", rest: [] };

function arm(leaseEndMs: number, atEnd: LeaseEnd = "kill"): GuardInput {
  return { type: "arm", leaseEndMs, atEnd };
}

/** What comes out of the last of these inputs, each with its time; log lines left out. */
function last(...inputs: readonly (readonly [number, GuardInput])[]): readonly GuardOutput[] {
  const guard = new LeaseGuard();
  let outputs: readonly GuardOutput[] = [];
  for (const [nowMs, input] of inputs) {
    outputs = guard.step(input, nowMs);
    // The look that it asks for finds nothing and is fast enough.
    if (input.type === "watch" && !input.swept) {
      outputs = [...outputs.filter(({ type }) => type !== "look"), ...guard.step(fast, nowMs)];
    }
  }
  return outputs.filter(({ type }) => type !== "log");
}

const sweep = { type: "sweep", afterMs: 0 };

function report(type: string): object {
  return { type: "report", report: { type } };
}

test("it kills when the lease has ended, not before", async (t) => {
  t.same(last([0, watch]), [ready(false)]);
  t.same(last([0, watch], [0, arm(500)]), [
    { type: "report", report: { type: "armed", leaseEndMs: 500, atEnd: "kill" } },
  ]);
  t.same(last([0, watch], [0, arm(500)], [499, time]), []);
  t.match(last([0, watch], [0, arm(500)], [500, time]), [sweep, report("sweeping")]);
  t.same(last([0, watch], [0, arm(500)], [400, arm(900)], [899, time]), []);
  t.same(last([0, watch], [0, arm(900)], [0, arm(500)], [899, time]), [], "never shorter");
});

test("G7: no lease is confirmed before a look was fast enough", async (t) => {
  const guard = new LeaseGuard();
  const slow: GuardInput = { type: "looked", tookMs: 251, rest: [] };
  const again = { type: "look", afterMs: 1000, what: "everything" };
  guard.step(watch, 0);
  t.same(guard.step(arm(9000), 10), [], "not tried yet");
  const [look, alert] = guard.step(slow, 300);
  t.same(look, again);
  t.match(alert, { type: "log", level: "alert", text: /took 251 ms.*kill_timeout allows 250 ms/ });
  t.same(guard.step(slow, 1600), [again], "said once");
  t.same(guard.step(arm(9500), 2000), []);
  const armed = { type: "report", report: { type: "armed", leaseEndMs: 9500, atEnd: "kill" } };
  t.same(guard.step(fast, 2900), [armed]);
  t.same(guard.step({ ...slow, tookMs: 900 }, 3000), [], "one is enough");
});

test("a lease that had ended when it was told is no lease", async (t) => {
  const outputs = last([0, watch], [600, arm(500)]);
  t.match(
    outputs.filter(({ type }) => type === "sweep"),
    [sweep],
  );
});

test("without clusterd it does not wait for the end of the lease", async (t) => {
  t.match(last([0, watch], [0, arm(500)], [1, gone]), [sweep, report("sweeping")]);
  t.match(last([0, watch], [1, gone]), [sweep, report("sweeping")], "not armed yet");
  t.same(last([0, gone]), [{ type: "end", swept: false }], "nothing to watch");
});

/** The copies of a certificate in these outputs, by when they are sent. */
function copies(outputs: readonly GuardOutput[]): readonly number[] {
  return outputs.flatMap((output) => (output.type === "certify" ? [output.afterMs] : []));
}

test("G6: without clusterd, a sweep is certified again and again, then it ends", async (t) => {
  const swept = [
    [0, watch],
    [0, certificate],
    [0, arm(500)],
    [1, gone],
    [2, clean],
  ] as const;
  t.same(last(...swept)[0], report("clean"));
  const bare = last([0, watch], [1, gone], [2, clean]);
  t.same(
    bare,
    [report("clean"), { type: "end", swept: true }],
    "without one there is nothing to say",
  );
  t.same(copies(last(...swept)).slice(0, 3), [0, 20, 40]);
  t.same(last(...swept, [9999, time]), [], "it stays as long as copies are sent");
  t.same(last(...swept, [10_002, time]), [{ type: "end", swept: true }]);
  const awaited: GuardInput = { type: "awaited" };
  t.same(last(...swept, [50, awaited]), [{ type: "end", swept: true }], "the next one waits");
  const rest: GuardInput = { type: "swept", rest: ["something"] };
  t.same(
    copies(last([0, watch], [0, certificate], [1, gone], [2, rest])),
    [],
    "not before nothing is left",
  );
  t.same(
    copies(last([0, watch], [0, certificate], [0, arm(5)], [5, time], [6, clean])),
    [],
    "clusterd is there",
  );
  t.same(
    copies(last([0, watch], [0, certificate], [0, { type: "disarm" }])),
    [],
    "it has left by itself",
  );
});

test("G5: the word of the guard before counts when a look finds nothing either", async (t) => {
  const told: GuardInput = { ...watch, swept: true };
  const look = { type: "look", afterMs: 0, what: "everything" };
  t.same(last([0, told]), [look], "not ready before it has looked");
  t.same(last([0, told], [1, { type: "looked", tookMs: 1, rest: [] }]), [ready(true)]);
  const found: GuardInput = { type: "looked", tookMs: 1, rest: ["process 7"] };
  t.same(last([0, told], [1, found]), [ready(false)], "and nobody looks again");
  t.same(
    last([0, told], [1, found], [2, { type: "looked", tookMs: 1, rest: [] }]),
    [],
    "said once",
  );
  t.same(
    last([0, watch], [1, { type: "looked", tookMs: 1, rest: [] }]),
    [],
    "nobody has left word",
  );
});

test("a lease that spares ends without a kill, unless an address is here", async (t) => {
  const over = [
    [0, watch],
    [0, arm(500, "spare")],
    [500, time],
  ] as const;
  const look = { type: "look", afterMs: 0, what: "addresses" };
  const found: GuardInput = { type: "looked", tookMs: 1, rest: ["20.0.20.200"] };
  const none: GuardInput = { type: "looked", tookMs: 1, rest: [] };
  t.same(last(...over), [look]);
  t.same(last(...over, [510, none]), []);
  t.match(last(...over, [510, found]), [sweep, report("sweeping")]);
  t.match(last(...over, [510, none], [600, gone]), [sweep], "without clusterd everything ends");
  t.match(last(...over, [501, gone]), [sweep]);
  t.same(last(...over, [501, arm(900)], [510, none], [899, time]), [], "it has a lease again");
  const changed = [
    [0, watch],
    [0, arm(500, "spare")],
    [1, arm(500)],
    [500, time],
  ] as const;
  t.match(last(...changed), [sweep], "the newest order counts");
});

test("it tries until nothing is left, and says so once", async (t) => {
  const guard = new LeaseGuard();
  guard.step(watch, 0);
  guard.step(arm(500), 0);
  guard.step(time, 500);
  const rest: GuardInput = { type: "swept", rest: ["20.0.20.200"] };
  const first = guard.step(rest, 600);
  t.match(first, [
    { type: "log", level: "alert", text: /20\.0\.20\.200/ },
    { type: "sweep", afterMs: 100 },
  ]);
  t.same(guard.step(rest, 700), [{ type: "sweep", afterMs: 100 }]);
  t.match(guard.step(clean, 800), [{ type: "log", text: /clean after 300 ms/ }, report("clean")]);
});

test("it says again what is left, but not at every try", async (t) => {
  const guard = new LeaseGuard();
  guard.step(watch, 0);
  guard.step(arm(500), 0);
  guard.step(time, 500);
  const rest: GuardInput = { type: "swept", rest: ["cannot look: /proc: EMFILE"] };
  const said: number[] = [];
  for (let nowMs = 600; nowMs < 25_000; nowMs += 100) {
    if (guard.step(rest, nowMs).some(({ type }) => type === "log")) said.push(nowMs);
  }
  t.same(said, [600, 10_600, 20_600]);
});

test("G6: what clusterd does before it goes during a sweep is swept once more", async (t) => {
  const begun = [
    [0, watch],
    [0, certificate],
    [0, arm(500)],
    [500, time],
    [501, gone],
  ] as const;
  t.same(last(...begun), [], "the work goes on");
  t.same(last(...begun, [510, { type: "swept", rest: ["something"] }]), [
    { type: "sweep", afterMs: 100 },
  ]);
  t.same(last(...begun, [520, clean]), [sweep], "that look may have been too early");
  const again = last(...begun, [520, clean], [530, clean]);
  t.same(again[0], report("clean"));
  t.same(copies(again)[0], 0);
  const late = last(...begun, [505, arm(900)], [520, clean], [530, clean]);
  t.same(copies(late)[0], 0, "whatever it had said last");
});

test("a new lease counts only after it has finished", async (t) => {
  const begun = [
    [0, watch],
    [0, arm(500)],
    [500, time],
    [600, arm(900)],
  ] as const;
  t.match(last(...begun), [report("sweeping")]);
  t.same(last(...begun, [700, clean]), [
    report("clean"),
    { type: "report", report: { type: "armed", leaseEndMs: 900, atEnd: "kill" } },
  ]);
});

test("a dismissed guard ends, after its work if it has begun", async (t) => {
  t.same(last([0, watch], [0, arm(500)], [1, { type: "disarm" }]), [{ type: "end", swept: false }]);
  const begun = [
    [0, watch],
    [0, arm(500)],
    [500, time],
    [501, { type: "disarm" }],
  ] as const;
  t.same(last(...begun), []);
  t.same(last(...begun, [510, clean]), [report("clean"), { type: "end", swept: true }]);
});

const anyInput = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map((aheadMs) => ({ type: "ahead", aheadMs }) as const),
  fc.constant(time),
  fc.constant(clean),
  fc.constant<GuardInput>({ type: "swept", rest: ["something"] }),
  fc.constant<GuardInput>({ type: "disarm" }),
  fc.constant(gone),
);

test("G1 and G2 hold for any course of events", async (t) => {
  const course = fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), anyInput), { maxLength: 60 });
  fc.assert(
    fc.property(course, (steps) => {
      const guard = new LeaseGuard();
      let nowMs = 1000;
      let promisedMs = 0;
      let present = true;
      let atWork = false;
      /** Sweeps that have found nothing since clusterd has gone: the first may be too early. */
      let cleanSince = 0;
      guard.step(watch, nowMs);
      guard.step(fast, nowMs);
      guard.step(certificate, nowMs);
      for (const [passMs, one] of steps) {
        nowMs += passMs;
        const input: GuardInput = one.type === "ahead" ? arm(nowMs + one.aheadMs) : one;
        if (input.type === "gone") {
          cleanSince = atWork && present ? 0 : Math.max(cleanSince, 1);
          present = false;
        }
        // A sweep ends only after it was ordered.
        if (input.type === "swept" && !atWork) continue;
        if (input.type === "swept" && input.rest.length === 0) {
          atWork = false;
          if (!present) cleanSince += 1;
        }
        for (const output of guard.step(input, nowMs)) {
          if (output.type === "sweep") {
            if (present && !atWork && nowMs < promisedMs) return false;
            atWork = true;
          }
          if (output.type === "certify" && (present || atWork || cleanSince < 2)) return false;
          if (output.type !== "report" || output.report.type !== "armed") continue;
          if (atWork) return false;
          promisedMs = output.report.leaseEndMs;
        }
        const over = promisedMs > 0 && nowMs >= promisedMs && present;
        if (over && !atWork && input.type === "time" && guard.step(time, nowMs).length > 0) {
          return false;
        }
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

/**
 * The guard with a watchdog: when it is opened, fed, not fed, disarmed.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import fc from "fast-check";
import { test } from "tap";
import type { GuardInput, GuardOutput } from "../../src/guard/guard-events.ts";
import { LeaseGuard } from "../../src/guard/lease-guard.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";

const device = { device: "/dev/watchdog", timeoutMs: 5000 };
const watch: GuardInput = {
  type: "watch",
  killTimeoutMs: 1000,
  watchdog: device,
  missing: null,
  swept: false,
};
const time: GuardInput = { type: "time" };
const gone: GuardInput = { type: "gone", why: "clusterd has ended" };
const disarm: GuardInput = { type: "disarm" };
const clean: GuardInput = { type: "swept", rest: [] };
const stuck: GuardInput = { type: "swept", rest: ["process 7"] };
const bare: GuardInput = { type: "looked", tookMs: 1, rest: [] };
const found: GuardInput = { type: "looked", tookMs: 1, rest: ["process 7"] };
const arm = (leaseEndMs: number): GuardInput => ({ type: "arm", leaseEndMs, atEnd: "kill" });
const opened = (nowayout = false): GuardInput => ({
  type: "opened",
  result: accept({ timeoutMs: ms(5000), nowayout, text: "it" }),
});
const refused: GuardInput = { type: "opened", result: refuse("ENOENT") };

type Step = readonly [number, GuardInput];

/** Everything that comes out, as short words with their times. */
function story(...steps: readonly Step[]): readonly string[] {
  const guard = new LeaseGuard();
  return steps.flatMap(([nowMs, input]) =>
    guard.step(input, nowMs).flatMap((output) => {
      const word = wordOf(output);
      return word === null ? [] : [`${nowMs} ${word}`];
    }),
  );
}

function wordOf(output: GuardOutput): string | null {
  if (output.type === "log") return null;
  if (output.type === "report") {
    const { report } = output;
    return `says ${report.type === "watchdog" ? report.state : report.type}`;
  }
  return output.type === "close" ? `close ${output.how}` : output.type;
}

const ready: readonly Step[] = [
  [0, watch],
  [1, bare],
  [1, opened()],
];

test("it looks first; nothing there: the device is opened and fed, then it is ready", async (t) => {
  t.same(story(...ready), ["0 look", "1 open", "1 says armed", "1 says ready", "1 feed"]);
});

test("WATCHDOG6: a device that is not there is refused, whatever an earlier life has left", (t) => {
  const missing: GuardInput = { ...watch, missing: "ENOENT" };
  t.same(story([0, missing], [1, found]), ["0 says refused", "0 look", "0 says ready"]);
  const swept: GuardInput = { ...watch, missing: "ENOENT", swept: true };
  t.same(story([0, swept], [1, found]), ["0 says refused", "0 look", "1 says ready"]);
  t.same(story([0, missing], [1, bare], [2, arm(100)]), [
    ...["0 says refused", "0 look", "0 says ready"],
    "2 says armed",
  ]);
  t.end();
});

test("what an earlier life has left keeps the device shut", async (t) => {
  const begun: readonly Step[] = [
    [0, watch],
    [1, found],
    [101, found],
  ];
  t.same(story(...begun), ["0 look", "1 look", "1 says waiting", "1 says ready", "101 look"]);
  const later = story(...begun, [201, bare], [201, opened()]).slice(5);
  t.same(later, ["201 open", "201 says armed", "201 feed"]);
});

test("a lease opens it too, and counts only when that is done", async (t) => {
  const begun: readonly Step[] = [
    [0, watch],
    [1, found],
    [50, arm(4000)],
  ];
  t.same(story(...begun).slice(4), ["50 open"]);
  t.same(story(...begun, [50, opened()]).slice(5), ["50 says armed", "50 says armed", "50 feed"]);
  t.same(story(...begun, [50, refused]).slice(5), ["50 says refused", "50 says armed"]);
});

test("it is fed every second while the lease lasts, not a moment longer", async (t) => {
  const ticks: Step[] = [];
  for (let at = 50; at <= 6000; at += 50) ticks.push([at, time]);
  const told = story(...ready, [10, arm(4000)], ...ticks).slice(5);
  const fed = told.filter((line) => line.endsWith("feed"));
  t.same(fed, ["1050 feed", "2050 feed", "3050 feed"]);
  t.same(told.slice(-2), ["4000 sweep", "4000 says sweeping"]);
});

test("case 28: as long as something is left it is not fed; then it is again", async (t) => {
  const over: readonly Step[] = [...ready, [10, arm(4000)], [4000, time]];
  t.same(story(...over, [4100, stuck], [4200, stuck], [5000, stuck]).slice(-3), [
    "4100 sweep",
    "4200 sweep",
    "5000 sweep",
  ]);
  t.same(story(...over, [4100, stuck], [4200, clean]).slice(-2), ["4200 says clean", "4200 feed"]);
});

test("case 25: after a pause longer than the lease it kills first and feeds nothing", async (t) => {
  const paused: readonly Step[] = [...ready, [10, arm(4000)]];
  const woken = story(...paused, [64_000, arm(4400)], [64_000, time]).slice(6);
  t.same(
    woken,
    ["64000 says armed", "64000 sweep", "64000 says sweeping"],
    "as the old token says",
  );
  t.same(story(...paused, [64_000, time]).slice(6), ["64000 sweep", "64000 says sweeping"]);
});

test("case 29: the farewell is said when everything was verified, and only then", async (t) => {
  t.same(story(...ready, [10, arm(4000)], [20, disarm]).slice(-2), ["20 close disarmed", "20 end"]);
  const certificate: GuardInput = { type: "certificate" };
  const crashed: readonly Step[] = [...ready, [5, certificate], [10, arm(4000)], [20, gone]];
  t.same(story(...crashed).slice(-2), ["20 sweep", "20 says sweeping"]);
  t.same(story(...crashed, [30, stuck], [2000, time]).slice(-1), ["30 sweep"]);
  const certified = story(...crashed, [90, clean], [1090, time]);
  t.same(certified.slice(-1), ["1090 feed"], "while it certifies that, it feeds");
  const over = story(...crashed, [90, clean], [10_090, time]);
  t.same(over.slice(-2), ["10090 close disarmed", "10090 end"]);
});

test("what cannot be disarmed is fed on, until another guard wants it", async (t) => {
  const kept: readonly Step[] = [
    [0, watch],
    [1, bare],
    [1, opened(true)],
    [20, disarm],
  ];
  t.same(story(...kept, [1050, time], [9000, time]).slice(-2), ["1050 feed", "9000 feed"]);
  t.same(story(...kept, [9000, { type: "awaited" }]).slice(-2), ["9000 close armed", "9000 end"]);
  const early = story(...ready, [10, arm(4000)], [20, { type: "awaited" }]);
  t.notMatch(early.join(), /end|close/, "a guard at work does not hear it");
});

test("a look that found something is not overruled by a sweep that came before it", async (t) => {
  const late: readonly Step[] = [
    [0, watch],
    [0, arm(0)],
    [1, clean],
    [1, opened(false)],
    [500, found],
  ];
  t.same(story(...late).slice(-1), ["500 look"]);
  t.notMatch(story(...late, [3000, time]).slice(-1), ["3000 feed"]);
  t.same(story(...late, [600, bare], [3000, time]).slice(-1), ["3000 feed"]);
});

test("a device that cannot be fed any more is told of", async (t) => {
  const failing = story(...ready, [2000, { type: "feeding-failed", why: "EIO" }], [9000, time]);
  t.same(failing.slice(-1), ["2000 says refused"]);
});

const anyInput = fc.oneof(
  fc.integer({ min: 0, max: 9000 }).map((aheadMs) => ({ type: "ahead", aheadMs }) as const),
  ...[time, clean, stuck, bare, found, disarm, gone].map((input) => fc.constant(input)),
);

test("WATCHDOG1 and WATCHDOG3 hold for any course of events", async (t) => {
  const course = fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), anyInput), { maxLength: 80 });
  fc.assert(
    fc.property(course, fc.boolean(), (steps, nowayout) => {
      const guard = new LeaseGuard();
      guard.step(watch, 0);
      guard.step({ type: "certificate" }, 0);
      let nowMs = 0;
      let leaseEndMs = 0;
      // By what was seen last; a lease makes it unknown.
      let bareNow = false;
      let sweeping = false;
      let looking = true;
      let certifies = false;
      for (const [passMs, one] of steps) {
        nowMs += passMs;
        if (one.type === "swept" && !sweeping) continue;
        if (one.type === "looked" && (sweeping || !looking)) continue;
        // Nobody is there any more who could say it, and looks are from before the last sweep.
        if (certifies && ["ahead", "disarm", "looked"].includes(one.type)) continue;
        if (one.type === "looked") looking = false;
        if (one.type === "looked" || one.type === "swept") {
          if (nowMs >= leaseEndMs) bareNow = one.rest.length === 0;
          if (one.type === "swept") sweeping = one.rest.length > 0;
        }
        // The daemon dismisses only after it has looked.
        if (one.type === "disarm" && !sweeping) bareNow = true;
        const input: GuardInput = one.type === "ahead" ? arm(nowMs + one.aheadMs) : one;
        if (one.type === "ahead" && !sweeping) {
          leaseEndMs = Math.max(leaseEndMs, nowMs + one.aheadMs);
          bareNow = false;
        }
        const outputs = [...guard.step(input, nowMs)];
        if (outputs.some(({ type }) => type === "open")) {
          outputs.push(...guard.step(opened(nowayout), nowMs));
        }
        for (const output of outputs) {
          if (output.type === "look") looking = true;
          if (output.type === "certify") certifies = true;
          if (output.type === "sweep") {
            sweeping = true;
            bareNow = false;
            leaseEndMs = 0;
          }
          if (output.type === "report" && output.report.type === "armed") {
            leaseEndMs = output.report.leaseEndMs;
            bareNow = false;
          }
          const proper = nowMs < leaseEndMs || bareNow;
          if ((output.type === "feed" || output.type === "open") && !proper) return false;
          if (output.type === "close" && output.how === "disarmed" && !bareNow) return false;
          const retired = output.type === "log" && output.text.includes("cannot be disarmed");
          if (output.type === "end" || retired) return true;
        }
      }
      return true;
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

import { test } from "tap";
import { GuardPerformer, type GuardPerformerParts } from "../../src/guard/guard-performer.ts";
import type { Watchdog } from "../../src/io/ports.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import { ms } from "../../src/model/time.ts";
import { VirtualProcess } from "../sim/virtual-process.ts";
import { resultIn } from "../sim/virtual-promise.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const device = { device: "/dev/watchdog", timeoutMs: 2000 };
const certificate = { type: "certificate", frame: "", from: "", to: [], port: 0 } as const;

/** The performer over ports that note what is done. */
function started(options: Partial<GuardPerformerParts> = {}) {
  const time = new VirtualTime();
  const process = new VirtualProcess({
    ...{ time, wallOffsetMs: () => 0, passMs: 0 },
    onTurn: () => undefined,
  });
  const done: string[] = [];
  const found = (what: string) =>
    resultIn<readonly string[]>(process, (settle) => {
      done.push(what);
      process.clock.after(5, () => settle([]));
    });
  const guard = new GuardPerformer({
    clock: process.clock,
    services: {
      watch: ({ token }) => done.push(`watch ${token}`),
      alsoWatch: (addresses) => done.push(`also ${addresses.join()}`),
      sweep: () => found("sweep"),
      look: (what) => found(`look for ${what}`),
    },
    certificates: { use: () => true, send: () => done.push("certify") },
    openable: () => {
      throw new Error("no watchdog is wanted");
    },
    daemonLives: () => false,
    report: ({ type }) => done.push(`report ${type}`),
    say: (level, text) => done.push(`${level}: ${text}`),
    swept: false,
    leaveNote: () => {
      done.push("note");
      return accept(null);
    },
    end: () => {
      done.push("end");
      process.end();
    },
    ...options,
  });
  guard.start();
  const watch = (watchdog: typeof device | null = null): void =>
    guard.order({
      ...{ type: "watch", token: "mark", addresses: [], cgroups: null, killTimeoutMs: 1000 },
      watchdog,
    });
  const run = (forMs: number): readonly string[] => {
    time.runUntil(time.nowMs + forMs);
    return done.splice(0);
  };
  return { guard, watch, run };
}

test("DEATH5: nothing is certified while clusterd lives, whatever its pipe says", async (t) => {
  let lives = true;
  const { guard, watch, run } = started({ daemonLives: () => lives });
  watch();
  guard.order(certificate);
  guard.gone("clusterd has ended");
  const before = run(1500);
  t.ok(before.includes("notice: clusterd is still there: nothing is certified"));
  t.notOk(before.includes("certify"));
  lives = false;
  t.ok(run(5000).includes("certify"));
});

test("it looks, says that it is ready, and sweeps when the lease has ended", async (t) => {
  const { guard, watch, run } = started();
  watch();
  guard.order({ type: "also-watch", addresses: ["192.0.2.1"] });
  t.same(run(10), ["watch mark", "look for everything", "report ready", "also 192.0.2.1"]);
  guard.order({ type: "arm", leaseEndMs: 200, atEnd: "kill" });
  t.same(run(180), ["report armed"]);
  const after = run(100);
  t.same(
    after.filter((one) => !one.startsWith("alert") && !one.startsWith("notice")),
    ["sweep", "report sweeping", "report clean"],
  );
});

test("a guard that has swept everything leaves a note, and then ends", async (t) => {
  const { guard, watch, run } = started();
  watch();
  guard.gone("clusterd has ended");
  t.same(run(1000).slice(-2), ["note", "end"]);
  const problem = refuse("the disk is full");
  const other = started({ leaveNote: () => problem });
  other.watch();
  other.guard.gone("clusterd has ended");
  t.match(other.run(1000).slice(-2), [/^notice: no note .*: the disk is full$/, "end"]);
});

test("an earlier note is passed on only if clusterd has ordered nothing", async (t) => {
  const idle = started({ swept: true });
  idle.guard.gone("clusterd has ended");
  t.same(idle.run(100), ["note", "end"]);
  const ordered = started({ swept: true });
  ordered.guard.order(certificate);
  ordered.guard.gone("clusterd has ended");
  t.same(ordered.run(100), ["end"]);
});

test("a certificate that makes no sense counts as the end of clusterd", async (t) => {
  const certificates = { use: () => false, send: () => t.fail("it is sent") };
  const { guard, watch, run } = started({ certificates });
  watch();
  guard.order(certificate);
  t.ok(run(1000).includes("sweep"));
});

test("a watchdog that cannot be fed or closed is reported", async (t) => {
  const facts = { identity: "test", timeoutMs: ms(2000), nowayout: false, didReset: true };
  let fails = false;
  const port: Watchdog = {
    missing: () => null,
    open: () => accept(facts),
    feed: () => (fails ? refuse("EIO") : accept(null)),
    close: () => refuse("ENODEV"),
  };
  const { watch, run } = started({ openable: () => port });
  watch(device);
  const opened = run(100);
  t.match(opened, [/^watch/, /^look/, /^alert: .* has caused the last start/, /^report watchdog/]);
  fails = true;
  t.ok(run(1000).includes("alert: the watchdog cannot be fed: EIO"));
  const other = started({ openable: () => port });
  fails = false;
  other.watch(device);
  other.run(100);
  other.guard.order({ type: "disarm" });
  t.match(other.run(100), ["alert: the watchdog could not be closed: ENODEV", "end"]);
});

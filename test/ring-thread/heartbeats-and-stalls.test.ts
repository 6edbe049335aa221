import { test } from "tap";
import type { DropCause } from "../../src/io/ports.ts";
import type { RingNotice } from "../../src/membership/ring-events.ts";
import { ms } from "../../src/model/time.ts";
import { FrameDropLog } from "../../src/ring-thread/frame-drop-log.ts";
import { MainHeartbeat } from "../../src/ring-thread/main-heartbeat.ts";
import { StallWatch } from "../../src/ring-thread/stall-watch.ts";

test("a gap up to the limit is no stall, a longer one is told once", (t) => {
  const watch = new StallWatch(ms(500), ms(0));
  t.equal(watch.turn(ms(500)), null);
  t.equal(watch.turn(ms(1001)), 501);
  t.equal(watch.turn(ms(1002)), null);
  t.equal(watch.turn(ms(3002)), 2000);
  t.same(watch.record(), { count: 2, worstMs: 2000 });
  t.end();
});

function watchedThread(): MainHeartbeat {
  return new MainHeartbeat({ intervalMs: ms(100), limitMs: ms(800) }, ms(0));
}

/** Beats until the thread counts as silent, at most `max`; returns the last instant. */
function beatUntilSilent(watched: MainHeartbeat, fromMs: number, max = 50): number {
  for (let step = 1; step <= max; step += 1) {
    if (watched.step(ms(fromMs + step * 100)) === null) return fromMs + step * 100;
  }
  return Number.POSITIVE_INFINITY;
}

test("a main thread that never answers is given up after the limit", (t) => {
  t.equal(beatUntilSilent(watchedThread(), 0), 900);
  t.end();
});

test("an answer counts from the time of the question", (t) => {
  const watched = watchedThread();
  const first = watched.step(ms(100));
  for (const nowMs of [200, 300, 400]) watched.step(ms(nowMs));
  watched.answered(first ?? 0);
  t.equal(watched.silentMs(), 300);
  t.equal(beatUntilSilent(watched, 400), 1000);
  t.end();
});

test("prompt answers keep the node in for ever", (t) => {
  const watched = watchedThread();
  for (let step = 1; step <= 1000; step += 1) {
    const beat = watched.step(ms(step * 100));
    if (beat === null) {
      t.fail(`given up at step ${step}`);
      break;
    }
    watched.answered(beat);
  }
  t.equal(watched.silentMs(), 0);
  t.end();
});

test("a pause of the whole machine is not held against the main thread", (t) => {
  const watched = watchedThread();
  watched.answered(watched.step(ms(100)) ?? 0);
  const beat = watched.step(ms(60_000));
  t.not(beat, null);
  t.equal(watched.silentMs(), 100);
  t.end();
});

test("an answer to no question changes nothing", (t) => {
  const watched = watchedThread();
  watched.step(ms(100));
  watched.answered(99);
  t.equal(watched.silentMs(), 100);
  t.end();
});

test("frames of an earlier life that go on: the log says what the operator can do", (t) => {
  const notices: RingNotice[] = [];
  const log = new FrameDropLog((notice) => notices.push(notice));
  const late = { type: "dropped", cause: "old-incarnation", reply: null } as const;
  log.note(late, { address: "10.0.0.3", nowMs: ms(0) });
  t.match(notices[0]?.text ?? "", /10\.0\.0\.3.*lost its state directory.*set the clock/);
  t.end();
});

test("an attacker cannot fill the log: one line for each cause in ten seconds", (t) => {
  const notices: RingNotice[] = [];
  const log = new FrameDropLog((notice) => notices.push(notice));
  const dropped = (cause: DropCause, nowMs: number): void =>
    log.note({ type: "dropped", cause, reply: null }, { address: "10.0.0.3", nowMs: ms(nowMs) });
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) {
    dropped("authentication", nowMs);
    dropped("own-copy", nowMs);
  }
  dropped("magic", 10_001);
  t.same(
    notices.map(({ text }) => text.split(":")[0]),
    [
      "frames from 10.0.0.3 dropped (authentication)",
      "frames from 10.0.0.3 dropped (authentication)",
      "frames from 10.0.0.3 dropped (magic)",
    ],
  );
  t.ok(
    notices.every(({ level }) => level === "warning"),
    "a wrong key is a fault",
  );
  notices.length = 0;
  for (let nowMs = 10_000; nowMs <= 3_610_000; nowMs += 1000) dropped("authentication", nowMs);
  t.equal(notices.length, 9, "after 20, 40, 80, … s, at last every ten minutes");
  dropped("authentication", 9_000_000);
  dropped("authentication", 9_010_000);
  t.equal(notices.length, 11, "a new one, after it was quiet");
  dropped("replay", 9_010_000);
  t.equal(notices.at(-1)?.level, "notice", "late or repeated frames are none");
  t.end();
});

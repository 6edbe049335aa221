/** What the guard relies on of a `Watchdog`, real on a stand-in and virtual. */
import { type Test, test } from "tap";
import type { Watchdog } from "../../src/io/ports.ts";
import { ms } from "../../src/model/time.ts";
import { until } from "./waiting.ts";

/** `written`: what has arrived at the device. */
export type WatchdogStage = { readonly watchdog: Watchdog; readonly written: () => string };
export type WatchdogKind = { readonly nowayout?: boolean; readonly magicClose?: boolean };
/** Of a device that grants five seconds. */
export type MakeWatchdog = (t: Test, kind: WatchdogKind) => Promise<WatchdogStage>;

const timeoutMs = ms(5000);

export function watchdogContract(
  name: string,
  make: MakeWatchdog,
  options: { readonly skip: string | false },
): void {
  test(`${name}: it is fed while it is open, and disarmed by its farewell`, options, async (t) => {
    const { watchdog, written } = await make(t, {});
    t.match(watchdog.feed(), { ok: false }, "not open yet");
    t.equal(watchdog.missing(), null);
    t.equal(written(), "", "nothing was opened");
    t.match(watchdog.open(timeoutMs), { ok: true, value: { timeoutMs, nowayout: false } });
    t.ok(watchdog.feed().ok);
    t.ok(watchdog.feed().ok);
    await until("both have arrived", () => written() === "\0\0");
    t.ok(watchdog.close("disarmed").ok);
    await until("the farewell", () => written() === "\0\0V");
    t.match(watchdog.feed(), { ok: false }, "closed");
  });

  test(`${name}: closed without farewell it stays armed, and opens again`, options, async (t) => {
    const { watchdog, written } = await make(t, {});
    watchdog.open(timeoutMs);
    watchdog.feed();
    t.ok(watchdog.close("armed").ok);
    t.ok(watchdog.open(timeoutMs).ok);
    watchdog.feed();
    await until("two feedings", () => written() === "\0\0");
  });

  test(`${name}: a device that grants another time is disarmed and refused`, options, async (t) => {
    const { watchdog, written } = await make(t, {});
    t.match(watchdog.open(ms(8000)), { ok: false, problem: /grants 5 s instead of 8 s/ });
    await until("the farewell", () => written() === "V");
    t.match(watchdog.feed(), { ok: false });
  });

  test(`${name}: a device that forgets its dead opener is refused`, options, async (t) => {
    const { watchdog } = await make(t, { magicClose: false });
    t.match(watchdog.open(timeoutMs), { ok: false, problem: /magic close/ });
    const held = await make(t, { magicClose: false, nowayout: true });
    t.match(held.watchdog.open(timeoutMs), { ok: true, value: { nowayout: true } });
  });
}

/** What a ring holds does not grow with what went through it. */
import { test } from "tap";
import { operational } from "./ring-driver.ts";

test("I17 a million messages leave nothing behind", async (t) => {
  const driver = operational();
  const payload = Buffer.alloc(64);
  let delivered = 0;
  let held = 0;
  const names = (): number => Object.keys(driver.ring.snapshot().counters).length;
  const counters: number[] = [];
  for (let round = 0; round < 1000; round += 1) {
    for (let sent = 0; sent < 1000; sent += 1) {
      driver.step({ type: "submit", lane: "app", payload, safe: false });
    }
    for (let visit = 0; driver.counter("queued messages") > 0 || visit < 3; visit += 1) {
      const seq = driver.token?.seq ?? 0;
      const outputs = driver.rotate({ aru: seq, aruNode: null, fcc: 0, backlog: 0 });
      delivered += outputs.filter(({ type }) => type === "deliver").length;
      held = Math.max(held, driver.counter("held messages"));
    }
    counters.push(names());
  }
  t.equal(delivered, 1_000_000);
  t.ok(held < 200, `at most ${held} messages held`);
  t.equal(counters.at(-1), counters[0], "no name is counted anew");
  const idle = { aru: driver.token?.seq ?? 0, aruNode: null };
  for (let visit = 0; visit < 3; visit += 1) driver.rotate(idle);
  t.equal(driver.counter("held messages"), 0);
});

/** Writes the log in ways that are told on the command line; run by the log's tests. */
import { systemClock } from "../../src/io/clock.ts";
import { LineLog } from "../../src/io/log/log-sink.ts";

const priority = { totem: "debug", quorum: "debug", fencing: "debug", services: "debug" } as const;
const log = new LineLog({
  priority,
  logFile: null,
  output: 1,
  format: "json",
  clock: systemClock(),
});

// The end of the test ends this program too, however it came about.
process.stdin.on("end", () => process.exit(1)).resume();

function line(number: number): void {
  log.write("fencing", "crit", { text: `line ${number} ${"x".repeat(900)}` });
}

if (process.argv[2] === "flush-and-die") {
  for (let number = 0; number < 200; number += 1) line(number);
  log.flush();
  process.kill(process.pid, "SIGKILL");
} else {
  let worstMs = 0;
  for (let number = 0; number < 4000; number += 1) {
    const startedMs = performance.now();
    line(number);
    worstMs = Math.max(worstMs, performance.now() - startedMs);
    if (number % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  // The reader has made no progress for longer than a flush waits for.
  const until = performance.now() + 700;
  while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  const startedMs = performance.now();
  log.flush();
  const flushMs = performance.now() - startedMs;
  process.stderr.write(`worst ${worstMs}\nflush ${flushMs}\n`);
  setInterval(() => log.write("totem", "notice", { text: "going on" }), 20);
}

/**
 * A client of the echo service: sends a datagram every two milliseconds to the virtual address and
 * prints a JSON line for each time in which nothing came back.
 * Usage: node echo-client.js ADDRESS PORT
 */
import { createSocket } from "node:dgram";

/** Nothing came back between the answer at `fromMs` and the one at `toMs`; wall clock. */
type Answered = {
  readonly fromMs: number;
  readonly toMs: number;
  /** Who answered before and afterwards; 0: nobody had yet. */
  readonly before: number;
  readonly after: number;
};

const sendEveryMs = 2;
/** Shorter ones are the scheduler's. */
const silenceLeastMs = 15;

const [address = "", port = ""] = process.argv.slice(2);
const socket = createSocket("udp4");
let lastMs = now();
let before = 0;
/** A network that comes and goes refuses some sends. */
socket.on("error", () => {});
socket.on("message", (answer) => {
  const nowMs = now();
  const after = Number(answer.toString("latin1").split(" ")[0]);
  if (nowMs - lastMs >= silenceLeastMs || after !== before) {
    const silence: Answered = { fromMs: lastMs, toMs: nowMs, before, after };
    process.stdout.write(`${JSON.stringify(silence)}\n`);
  }
  lastMs = nowMs;
  before = after;
});
socket.bind(0, () => setInterval(() => socket.send("?", Number(port), address), sendEveryMs));

function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * The machine's own limits: `node:dgram` without a protocol. Echoes, counts, floods, plays
 * ping-pong.
 */
import { createSocket } from "node:dgram";
import { answerQuestions } from "./bench-socket.ts";

const [ownAddress = ""] = process.argv.slice(2);
const port = 5555;
const burst = 32;

const socket = createSocket({
  type: "udp4",
  recvBufferSize: 4 << 20,
  lookup: (host, _family, callback) => callback(null, host, 4),
});
let received = 0;
let firstMs = 0;
let lastMs = 0;
let echo = false;
let waiting: (() => void) | null = null;

socket.on("message", (bytes, source) => {
  received += 1;
  lastMs = performance.now();
  if (received === 1) firstMs = lastMs;
  if (echo) socket.send(bytes, port, source.address);
  waiting?.();
});
socket.bind(port, ownAddress);

type Question = {
  readonly type: "echo" | "flood" | "ping" | "received";
  readonly peer: string;
  readonly bytes: number;
  readonly ms: number;
};

async function answer(question: Question): Promise<unknown> {
  switch (question.type) {
    case "echo":
      echo = true;
      return null;
    case "received": {
      const counts = { received, ms: lastMs - firstMs };
      received = 0;
      echo = false;
      return counts;
    }
    case "ping":
      return await ping(question);
    case "flood":
      return await flood(question);
  }
}

async function ping({ peer, bytes, ms }: Question): Promise<readonly number[]> {
  const payload = Buffer.alloc(bytes);
  const times: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const began = performance.now();
    const back = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    socket.send(payload, port, peer);
    await back;
    times.push((performance.now() - began) * 1000);
  }
  waiting = null;
  return times;
}

async function flood({ peer, bytes, ms }: Question): Promise<number> {
  const payload = Buffer.alloc(bytes);
  const end = performance.now() + ms;
  let sent = 0;
  while (performance.now() < end) {
    for (let count = 0; count < burst; count += 1) socket.send(payload, port, peer);
    sent += burst;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

answerQuestions(answer);

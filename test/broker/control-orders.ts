/**
 * The control socket of a stand-in broker: one order per line, one line of JSON as answer, for
 * tests that need what no client can bring about. Knows no AMQP. Orders:
 *
 *   catchup-rate N|none             messages per second that a backup copies; 0 stops the copying
 *   link pause|resume               the link to the primary stands still, and no other is tried
 *   cut HOST:PORT in|out|both       what comes from that broker, or goes to it, stays on the way
 *   heal HOST:PORT                  and arrives now
 *   answers normal|hold|drop|delay MS   of management
 *   promote normal|hold|refuse TEXT     held ones take effect when it is normal again
 *   exit-at POINT|none              dies at promote-received, promoted, or promote-answered
 *   dump QUEUE                      identities of the messages, in order
 */
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import { exitPoints } from "./broker-hooks.ts";
import { type Address, parseBrokersUrl } from "./broker-options.ts";
import type { HaBroker } from "./ha-broker.ts";
import type { CutDirection } from "./link-cuts.ts";

type Outcome = Result<Readonly<Record<string, unknown>>, string>;

const done: Outcome = accept({});

export function serveControl(path: string, broker: HaBroker): void {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    createInterface({ input: socket }).on("line", (line) => {
      const outcome = perform(broker, line.trim().split(" "));
      const answer = outcome.ok ? { ok: true, ...outcome.value } : outcome;
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
  server.listen(path);
}

function perform(broker: HaBroker, [order = "", ...words]: readonly string[]): Outcome {
  const [first = "", second = ""] = words;
  const { hooks } = broker;
  switch (order) {
    case "catchup-rate":
      hooks.catchupRate = first === "none" ? null : Number(first);
      return Number.isNaN(hooks.catchupRate) ? refuse(`no rate: ${first}`) : done;
    case "link":
      hooks.linkPaused = first === "pause";
      return done;
    case "cut":
      return onAddress(first, (address) => hooks.cuts.cut(address, parseDirection(second)));
    case "heal":
      return onAddress(first, (address) => hooks.cuts.heal(address));
    case "answers":
      return orderAnswers(broker, first, second);
    case "promote":
      return orderPromote(broker, first, words.slice(1).join(" "));
    case "exit-at": {
      const point = exitPoints.find((one) => one === first) ?? null;
      hooks.exitAt = point;
      return point === null && first !== "none" ? refuse(`no such point: ${first}`) : done;
    }
    case "dump": {
      const queue = broker.queues.get(first);
      return queue === undefined ? refuse(`no queue ${first}`) : accept({ ids: queue.ids() });
    }
    default:
      return refuse(`no such order: ${order}`);
  }
}

function onAddress(text: string, act: (address: Address) => void): Outcome {
  const [address] = parseBrokersUrl(text);
  if (address === undefined) return refuse(`no address: ${text}`);
  act(address);
  return done;
}

function parseDirection(text: string): CutDirection {
  return text === "in" || text === "out" ? text : "both";
}

function orderAnswers({ hooks }: HaBroker, type: string, ms: string): Outcome {
  if (type === "delay") hooks.answers = { type, ms: Number(ms) };
  else if (type === "hold" || type === "drop" || type === "normal") hooks.answers = { type };
  else return refuse(`no such way to answer: ${type}`);
  return done;
}

function orderPromote({ hooks }: HaBroker, type: string, text: string): Outcome {
  if (type === "refuse") hooks.promote = { type, text };
  else if (type === "hold" || type === "normal") hooks.promote = { type };
  else return refuse(`no such promotion: ${type}`);
  return done;
}

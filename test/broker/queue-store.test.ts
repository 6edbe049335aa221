import fc from "fast-check";
import { test } from "tap";
import {
  parseBrokersUrl,
  parseCommandLine,
  parseConfigFile,
  parseIntervalMs,
} from "./broker-options.ts";
import { matchesTopic } from "./qmf-exchanges.ts";
import { MessageQueue, type StoredMessage } from "./queue-store.ts";

const emptyQueue = () =>
  new MessageQueue({ name: "q", uuid: "u", level: "all", queueArguments: {} });

test("a queue gives messages in order, and back in order what was released", async (t) => {
  const act = fc.constantFrom("append", "acquire", "release", "consume");
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
      const queue = emptyQueue();
      const free: string[] = [];
      const held: StoredMessage[] = [];
      let count = 0;
      for (const one of acts) {
        const last = held.at(-1);
        if (one === "append") {
          count += 1;
          queue.append(`m${count}`, Buffer.from("x"));
          free.push(`m${count}`);
        } else if (one === "acquire") {
          const message = queue.acquire();
          if ((message?.id ?? null) !== (free.shift() ?? null)) return false;
          if (message !== null) held.push(message);
        } else if (last !== undefined) {
          held.pop();
          if (one === "consume") queue.remove(last.id);
          else {
            queue.release(last);
            free.push(last.id);
            free.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
          }
        }
      }
      return queue.depth === free.length + held.length;
    }),
  );
  t.pass("like a sorted list, with any series of acts");
});

test("a queue stays fast and small while thousands pass through", async (t) => {
  const queue = emptyQueue();
  for (let index = 0; index < 20_000; index += 1) {
    queue.append(`m${index}`, Buffer.from("x"));
    queue.remove(queue.acquire()?.id ?? "");
  }
  t.equal(queue.depth, 0);
  queue.append("last", Buffer.from("x"));
  t.equal(queue.acquire()?.id, "last");
});

test("a backup's queue takes the primary's order and asks for what it lacks", async (t) => {
  const queue = emptyQueue();
  for (const id of ["a", "surplus", "c"]) queue.append(id, Buffer.from(id));
  t.same(queue.arrange(["c", "b", "a"]), ["b"]);
  t.same(queue.ids(), ["c", "b", "a"]);
  t.equal(queue.placeholders, 1);
  t.equal(queue.acquire()?.id, "c");
  t.equal(queue.acquire()?.id, "a", "a place without content is passed over");
  queue.dropPlaceholders();
  t.same(queue.ids(), ["c", "a"]);
});

test("topics match word by word", async (t) => {
  const matches = (pattern: string, key: string) =>
    matchesTopic(pattern.split("."), key.split("."));
  t.ok(matches("a.#", "a"));
  t.ok(matches("a.#", "a.b.c"));
  t.ok(matches("#.c", "a.b.c"));
  t.ok(matches("a.*.c", "a.b.c"));
  t.notOk(matches("a.*", "a.b.c"));
  t.notOk(matches("a.b", "a"));
});

test("settings of the broker", async (t) => {
  t.equal(parseIntervalMs("0.1"), 100);
  t.equal(parseIntervalMs("2s"), 2000);
  t.equal(parseIntervalMs("250ms"), 250);
  t.equal(parseIntervalMs("2 h"), null);
  t.same(parseBrokersUrl("amqp:user/secret@tcp:one:5001,two,tcp:three:5003"), [
    { host: "one", port: 5001 },
    { host: "two", port: 5672 },
    { host: "three", port: 5003 },
  ]);
  const settings = parseConfigFile("# broker\nport=5001 # ours\n\nha-brokers-url=a=b\n", "file");
  t.same(
    [...(settings.ok ? settings.value : [])],
    [
      ["port", "5001"],
      ["ha-brokers-url", "a=b"],
    ],
  );
  const twice = "option '--port' cannot be specified more than once";
  t.match(parseConfigFile("port=1\nport=2\n", "file"), { ok: false, problem: twice });
  t.match(parseCommandLine(["--port", "1", "--port=1"]), { ok: false, problem: twice });
});

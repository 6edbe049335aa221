/**
 * The event loop of the ring's thread: inputs, timers, pauses, and what goes to the main thread.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import type { FrameSeal, SealVerdict, Store, Transport } from "../../src/io/ports.ts";
import type { RingInput, RingOutput } from "../../src/membership/ring-events.ts";
import { frameKinds, type RingMessage } from "../../src/membership/wire.ts";
import type { Incarnation, NodeId, RingId } from "../../src/model/ids.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import { type Ms, ms } from "../../src/model/time.ts";
import { RingDriver } from "../../src/ring-thread/ring-driver.ts";
import type { RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import { turns, until } from "../io/waiting.ts";
import { node } from "../membership/frames.ts";
import { incarnation as life } from "../membership/ring-driver.ts";

const ring: RingId = { rep: node(1), seq: 8 };
const other: RingId = { rep: node(2), seq: 12 };
const tokenMs = ms(400);
const consensusMs = ms(480);

function token(tokenSeq: number, seq = 0): RingMessage {
  const numbers = { tokenSeq, seq, aru: seq, fcc: 0, backlog: 0 };
  return {
    type: "token",
    ring,
    aruNode: null,
    retransmitting: false,
    rtr: [],
    calm: 0,
    ...numbers,
  };
}

function mcast(seq: number, of: RingId = ring): RingMessage {
  const plain = { lane: "app", headFragment: 0, tailFragment: 0, safe: true, inner: null } as const;
  return { type: "mcast", ring: of, seq, origin: node(2), chunks: [], ...plain };
}

const join: RingMessage = {
  type: "join",
  ringSeq: 8,
  proc: [],
  failed: [],
  leave: false,
  heard: [],
  configHash: 0,
};

const frameEnd = Uint8Array.of(0);

/** Frames are the message as JSON, and a zero: what seal and codec do is tested elsewhere. */
class OpenSeal implements FrameSeal {
  verdict: SealVerdict | null = null;
  rivals: readonly NodeId[] = [];
  /** By the monotonic clock. */
  formerLives: ReadonlyMap<NodeId, Ms> = new Map();

  seal(kind: number, payload: Uint8Array): readonly Uint8Array[] {
    return [Uint8Array.of(kind), payload];
  }

  frames(datagram: Uint8Array): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < datagram.length; ) {
      const end = datagram.indexOf(0, at);
      frames.push(datagram.subarray(at, end));
      at = end + 1;
    }
    return frames;
  }

  open(datagram: Uint8Array): SealVerdict {
    if (this.verdict !== null) return this.verdict;
    const kind = datagram[0] ?? 0;
    const payload = datagram.subarray(1);
    return { type: "opened", from: node(2), incarnation: life(20), kind, payload };
  }

  probe(): null {
    return null;
  }

  incarnations(): readonly (readonly [NodeId, Incarnation])[] {
    return [[node(1), life(10)]];
  }

  contested(): readonly NodeId[] {
    return this.rivals;
  }

  formerLivesHeard(): ReadonlyMap<NodeId, Ms> {
    return this.formerLives;
  }

  drops(): ReturnType<FrameSeal["drops"]> {
    return { ...noDrops };
  }
}

const noDrops: ReturnType<FrameSeal["drops"]> = {
  short: 0,
  contested: 0,
  magic: 0,
  "other-mode": 0,
  version: 0,
  kind: 0,
  "other-cluster": 0,
  "own-copy": 0,
  "unlisted-address": 0,
  "unknown-node": 0,
  "address-mismatch": 0,
  "too-many-strangers": 0,
  "old-incarnation": 0,
  replay: 0,
  authentication: 0,
  unproven: 0,
  "hello-malformed": 0,
};

type Answer = (input: RingInput) => readonly RingOutput[];

/** A driver over doubles; `answer` is what the ring does. */
class Bench {
  readonly inputs: RingInput[] = [];
  readonly outputs: RingThreadOutput[] = [];
  readonly batches: (readonly RingThreadOutput[])[] = [];
  readonly sent: string[] = [];
  readonly seal = new OpenSeal();
  readonly driver: RingDriver;
  /** Added to the clock: as if the process had stood still. */
  pausedMs = 0;
  /** Added to the time since boot: as if the machine had been suspended before. */
  suspendedMs = 0;
  failures = 0;
  ended = false;

  constructor(answer: Answer, leaseMs: Ms = ms(60_000)) {
    const real = systemClock();
    const clock = {
      ...real,
      monotonicMs: () => ms(real.monotonicMs() + this.pausedMs),
      boottimeMs: () => ms(real.boottimeMs() + this.suspendedMs),
    };
    const nodes = [1, 2, 3].map((id) => ({ id: node(id), address: `10.0.0.${id}` }));
    const options = {
      self: node(1),
      incarnation: life(10),
      nodes,
      tokenMs,
      consensusMs,
      leaseMs,
      packetBytesMax: 1500,
      ipBytes: 28,
      group: null,
    };
    this.driver = new RingDriver(options, {
      clock,
      transport: this.#transport(),
      seal: this.seal,
      codec: {
        encode: (message) => Buffer.from(JSON.stringify(message)),
        decode: (_kind, bytes) => decoded(bytes),
      },
      store: this.#store(),
      ring: {
        step: (input) => {
          this.inputs.push(input);
          return answer(input);
        },
        snapshot: () => ({ state: "operational", ring, members: [node(1)], counters: {} }),
      },
      post: (batch) => {
        this.batches.push(batch);
        this.outputs.push(...batch);
      },
      onEnd: () => {
        this.ended = true;
      },
    });
    this.driver.start("default");
  }

  /** All in one datagram. */
  arrive(...messages: readonly RingMessage[]): void {
    const frames = messages.map((message) =>
      Buffer.concat([
        Uint8Array.of(frameKinds[message.type]),
        Buffer.from(JSON.stringify(message)),
        frameEnd,
      ]),
    );
    this.driver.datagram(Buffer.concat(frames), "10.0.0.2", false);
  }

  /** What the ring was given, shortened. */
  seen(): string[] {
    return this.inputs.map((input) => {
      if (input.type === "frame") return `${input.from} ${input.message.type}`;
      return input.type === "timer" ? `timer ${input.timer}` : input.type;
    });
  }

  #transport(): Transport {
    return {
      open: async () => accept({ receiveBufferBytes: 1, receiveBufferWantedBytes: 1 }),
      multicast: (frame) => this.sent.push(`all kind ${frame[0]?.[0]}`),
      unicast: (address, frame) => this.sent.push(`${address} kind ${frame[0]?.[0]}`),
      flush: () => undefined,
      endOwnCopies: () => this.sent.push("no more own copies"),
      rejoin: () => this.sent.push("rejoin"),
      counters: () => ({ "frames-sent": this.sent.length }),
      close: async () => {
        this.sent.push("close");
      },
    };
  }

  #store(): Store {
    return {
      beginLife: async () => refuse({ type: "unreadable", path: "/state", cause: "a double" }),
      trackingToken: async () => refuse({ type: "unreadable", path: "/state", cause: "a double" }),
      raiseRingSeq: async (bound) => {
        if (this.failures === 0) return accept(bound);
        this.failures -= 1;
        return refuse({ type: "unwritable", path: "/state", cause: "disk full" });
      },
    };
  }
}

function decoded(bytes: Uint8Array): ReturnType<typeof accept<RingMessage>> {
  const message: RingMessage = JSON.parse(Buffer.from(bytes).toString());
  return accept(message);
}

/** As the ring does: a token re-arms its timer. */
const operational: Answer = (input) => {
  if (input.type === "start") return [{ type: "arm", timer: "token", afterMs: tokenMs }];
  if (input.type !== "frame" || input.message.type !== "token") return [];
  const members = [node(1), node(2)];
  return [
    { type: "token-accepted", ring, members, operational: true },
    { type: "arm", timer: "token", afterMs: tokenMs },
    { type: "token-passed", ring, operational: true },
  ];
};

function leave(bench: Bench): void {
  bench.driver.input({ type: "leave" });
}

test("own multicasts come back behind what is queued already, and go to the network", (t) => {
  const bench = new Bench((input) =>
    input.type === "submit"
      ? [
          { type: "multicast", message: mcast(1), full: false },
          { type: "multicast", message: mcast(2), full: false },
          { type: "unicast", to: node(3), message: token(1) },
        ]
      : [],
  );
  bench.driver.input({ type: "submit", lane: "app", payload: Buffer.from("x"), safe: true });
  t.same(bench.seen(), ["start", "submit", "1 mcast", "1 mcast"]);
  t.same(bench.sent, ["all kind 1", "all kind 1", "10.0.0.3 kind 2"]);
  leave(bench);
  t.end();
});

test("the token of a lone node comes back to it, a turn later", async (t) => {
  const bench = new Bench((input) =>
    input.type === "start" ? [{ type: "unicast", to: node(1), message: token(1) }] : [],
  );
  t.same(bench.seen(), ["start"]);
  await until("the token is back", () => bench.seen().includes("1 token"));
  t.same(bench.sent, []);
  leave(bench);
});

test("a timer that was armed anew in the same step does not deliver its old firing", async (t) => {
  let fired = 0;
  const bench = new Bench((input) => {
    if (input.type === "start") return [{ type: "arm", timer: "join", afterMs: ms(1) }];
    if (input.type !== "timer") return [];
    fired += 1;
    return fired === 1 ? [{ type: "arm", timer: "merge", afterMs: ms(1) }] : [];
  });
  await until("both have fired", () => fired === 2);
  t.same(bench.seen(), ["start", "timer join", "timer merge"]);
  leave(bench);
});

test("a bound that could not be written is tried again and answered once", async (t) => {
  const bench = new Bench((input) =>
    input.type === "start"
      ? [
          { type: "persist", ringSeq: 4000 },
          { type: "persist", ringSeq: 8000 },
        ]
      : [],
  );
  bench.failures = 0;
  await until("the higher bound is durable", () =>
    bench.inputs.some((input) => input.type === "persisted" && input.ringSeq === 8000),
  );
  leave(bench);
  const failing = new Bench((input) =>
    input.type === "link" ? [{ type: "persist", ringSeq: 4000 }] : [],
  );
  failing.failures = 1;
  failing.driver.input({ type: "link", up: false });
  await until("it is durable", () => failing.seen().includes("persisted"));
  t.equal(failing.seen().filter((type) => type === "persisted").length, 1);
  t.match(failing.outputs.filter(({ type }) => type === "notice")[0], {
    notice: { level: "err", text: /disk full; trying again/ },
  });
  leave(failing);
});

test("a token waits for the frames it announces, but not for ever", async (t) => {
  const bench = new Bench(operational);
  bench.arrive(token(1, 3));
  t.same(bench.seen(), ["start"], "three frames are to come");
  for (const seq of [1, 2, 3]) bench.arrive(mcast(seq));
  await until("the token is through", () => bench.seen().includes("2 token"));
  t.same(bench.seen(), ["start", "2 mcast", "2 mcast", "2 mcast", "2 token"]);
  bench.arrive(token(2, 3));
  t.equal(tokens(bench), 2, "nothing new announced: at once");
  bench.arrive(token(3, 500));
  await turns(6);
  t.equal(tokens(bench), 3);
  leave(bench);
});

test("a token that waits goes on as soon as the frames that it announces have come", async (t) => {
  const bench = new Bench(operational);
  bench.arrive(token(1, 2));
  bench.arrive(mcast(1));
  t.equal(tokens(bench), 0);
  bench.arrive(mcast(2));
  t.same(bench.seen(), ["start", "2 mcast", "2 mcast", "2 token"]);
  await turns(6);
  t.equal(tokens(bench), 1, "and no second time");
  leave(bench);
});

test("frames that came as one datagram are stepped in order and told together", async (t) => {
  const bench = new Bench((input) =>
    input.type === "frame" && input.message.type === "mcast" ? [delivery(input.message.seq)] : [],
  );
  bench.arrive(mcast(1), mcast(2), mcast(3));
  t.same(bench.seen(), ["start", "2 mcast", "2 mcast", "2 mcast"]);
  t.same(
    bench.batches.at(-1)?.map((output) => output.type === "deliver" && output.seq),
    [1, 2, 3],
  );
  leave(bench);
});

function delivery(seq: number): RingOutput {
  return { type: "deliver", ring, seq, from: node(2), lane: "app", payload: Buffer.from("x") };
}

function tokens(bench: Bench): number {
  return bench.seen().filter((frame) => frame === "2 token").length;
}

test("frames that this node sent need not be waited for", (t) => {
  const bench = new Bench((input) =>
    input.type === "submit" ? [{ type: "multicast", message: mcast(1), full: false }] : [],
  );
  bench.driver.input({ type: "submit", lane: "app", payload: Buffer.from("x"), safe: true });
  bench.arrive(token(1, 1));
  t.equal(tokens(bench), 1);
  leave(bench);
  t.end();
});

/** Stands still from the check phase of the loop, after which timers run before sockets. */
async function standStill(forMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      const end = performance.now() + forMs;
      while (performance.now() < end);
      resolve();
    });
  });
}

test("a token that waits for its frames is not overtaken by its own timer", async (t) => {
  const bench = new Bench((input) => {
    if (input.type === "start") return [{ type: "arm", timer: "token", afterMs: ms(5) }];
    if (input.type !== "frame") return [];
    return [{ type: "arm", timer: "token", afterMs: ms(60_000) }];
  });
  await standStill(10);
  bench.arrive(token(1, 500));
  await turns(8);
  t.same(bench.seen(), ["start", "2 token"]);
  leave(bench);
});

test("case 20: the token timer waits until what arrived during a pause was read", async (t) => {
  const lucky = new Bench(operational);
  await standStill(tokenMs + 30);
  setImmediate(() => lucky.arrive(token(1)));
  await turns(8);
  t.same(lucky.seen(), ["start", "2 token"]);
  leave(lucky);
  const unlucky = new Bench(operational);
  await standStill(tokenMs + 30);
  await until("the timer", () => unlucky.seen().includes("timer token"));
  t.same(unlucky.seen(), ["start", "stall", "timer token"]);
  leave(unlucky);
});

test("a pause is told before the timer that came due during it", async (t) => {
  const bench = new Bench((input) =>
    input.type === "start" ? [{ type: "arm", timer: "token", afterMs: ms(10) }] : [],
  );
  await standStill(tokenMs / 2 + 50);
  await until("the timer", () => bench.seen().includes("timer token"));
  t.same(bench.seen(), ["start", "stall", "timer token"]);
  leave(bench);
});

test("after a short stall only frames of the current ring are taken", async (t) => {
  const bench = new Bench(operational);
  bench.pausedMs += tokenMs / 2 + 20;
  bench.arrive(join);
  bench.arrive(mcast(1, other));
  bench.arrive(token(1));
  t.same(bench.seen(), ["start", "2 token"]);
  await turns(4);
  bench.arrive(join);
  t.equal(bench.seen().at(-1), "2 join", "one poll pass later all is new again");
  bench.driver.input({ type: "snapshot", request: 1 });
  t.match(bench.outputs.at(-1), {
    type: "snapshot",
    status: { drops: { stale: 2 }, stalls: { count: 1 } },
  });
  leave(bench);
});

test("a stall that outlasted the token is told only when no token waited", async (t) => {
  const lucky = new Bench(operational);
  lucky.pausedMs += tokenMs + 50;
  lucky.arrive(token(1));
  await turns(4);
  t.notOk(lucky.seen().includes("stall"), "the token was in the socket");
  leave(lucky);
  const unlucky = new Bench(operational);
  unlucky.pausedMs += tokenMs + 50;
  unlucky.arrive(join);
  await turns(4);
  t.same(unlucky.seen(), ["start", "stall"]);
  leave(unlucky);
});

test("after a pause longer than token and consensus the ring hears of it first", async (t) => {
  const bench = new Bench(operational);
  bench.pausedMs += tokenMs + consensusMs + 50;
  bench.arrive(token(1));
  t.same(bench.seen(), ["start", "stall", "2 token"]);
  await turns(4);
  t.equal(bench.seen().filter((type) => type === "stall").length, 1);
  leave(bench);
});

test("proofs are posted at most every 50 ms, the newest always", async (t) => {
  const bench = new Bench(operational);
  const began = performance.now();
  for (let number = 1; number <= 40; number += 1) bench.arrive(token(number));
  const leases = (): number => bench.outputs.filter(({ type }) => type === "lease").length;
  const first = leases();
  // The boot clock shows hundredths of a second.
  t.ok(first >= 1 && first <= 1 + (performance.now() - began + 10) / 50, `${first} proofs`);
  await until("the newest follows", () => leases() === first + 1);
  leave(bench);
});

test("a held proof goes out before the suspension", (t) => {
  const bench = new Bench((input) =>
    input.type === "link" ? [{ type: "suspended", reason: "token lost" }] : operational(input),
  );
  for (const number of [1, 2, 3]) bench.arrive(token(number));
  bench.driver.input({ type: "link", up: true });
  t.same(
    bench.outputs.map(({ type }) => type),
    ["started", "lease", "lease", "suspended"],
  );
  t.same(bench.sent, ["rejoin"]);
  leave(bench);
  t.end();
});

test("a configuration carries when each node was heard and which life it lives", (t) => {
  const configuration = {
    kind: "regular",
    ring,
    members: [node(1)],
    left: [],
    joined: [],
  } as const;
  const bench = new Bench((input) =>
    input.type === "link" ? [{ type: "configuration", configuration }] : operational(input),
  );
  bench.arrive(token(1));
  const heardMs = ms(systemClock().monotonicMs() - 500);
  bench.suspendedMs = 3_600_000;
  bench.seal.formerLives = new Map([[node(2), heardMs]]);
  bench.driver.input({ type: "link", up: false });
  const last = bench.outputs.at(-1);
  t.match(last, { type: "configuration", configuration: { ring }, incarnations: [[1, 10]] });
  if (last?.type !== "configuration") return;
  t.same(
    last.heardAt.map((heard) => heard.node),
    [1, 2, 3],
  );
  const former = last.heardAt.map(({ formerMs }) => formerMs);
  t.same([former[0], former[2]], [null, null], "no other life of these was heard");
  // This machine may have been suspended as well, and the clocks are read one after the other.
  t.ok((former[1] ?? 0) > heardMs + bench.suspendedMs - 1000, "in boot time");
  leave(bench);
  t.end();
});

test("a main thread that never answers ends the thread, after the ring has left", async (t) => {
  const bench = new Bench(operational, ms(160));
  await until("the end", () => bench.ended);
  t.equal(bench.seen().at(-1), "leave");
  t.match(bench.outputs.at(-1), { type: "fatal", problem: { type: "main-thread-silent" } });
  t.equal(bench.sent.at(-1), "close");
});

test("a duplicate of this node is fatal only for the later one", (t) => {
  const bench = new Bench(operational);
  const address = "10.0.0.77";
  const duplicate = { type: "duplicate-node", address, incarnation: life(5), reply: null } as const;
  bench.seal.verdict = { ...duplicate, later: false };
  bench.arrive(join);
  t.match(bench.outputs.at(-1), { type: "notice", notice: { level: "err" } });
  bench.seal.verdict = { ...duplicate, later: true };
  bench.arrive(join);
  t.match(bench.outputs.at(-1), { type: "fatal", problem: { type: "duplicate-node" } });
  t.end();
});

test("after the end nothing is posted, sent or stepped", async (t) => {
  const bench = new Bench(operational);
  leave(bench);
  t.same(bench.outputs.at(-1), { type: "stopped" });
  const [posted, stepped] = [bench.outputs.length, bench.inputs.length];
  bench.arrive(token(1));
  bench.driver.input({ type: "submit", lane: "app", payload: Buffer.from("x"), safe: true });
  leave(bench);
  await until("the end", () => bench.ended);
  t.equal(bench.outputs.length, posted);
  t.equal(bench.inputs.length, stepped);
  t.same(bench.sent, ["close"]);
});

/** The rules of src/life/broker-peers.ts, on virtual time. */
import { test } from "tap";
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import { type OwnBroker, readOwnBroker } from "../../src/brokers/own-broker.ts";
import type { ConnectionFilter } from "../../src/io/network-ports.ts";
import type { LogLine, LogSink } from "../../src/io/ports.ts";
import { BrokerPeers } from "../../src/life/broker-peers.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import type { NodeRecord } from "../../src/services/table/table-snapshot.ts";
import { member, systemId } from "../brokers/statuses.ts";
import { processOn } from "../io/pumped-time.ts";
import { id } from "../sim/cluster-machine.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { settled } from "../sim/virtual-promise.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

type Standing = Pick<NodeRecord, "phase" | "knowledge" | "unproven">;

const ready: Standing = { phase: "ready", knowledge: "unknown", unproven: false };
const lost: Standing = { phase: "lost", knowledge: "unknown", unproven: false };
const doubtful: Standing = { phase: "absent", knowledge: "unknown", unproven: true };
const off: Standing = { phase: "absent", knowledge: "known", unproven: false };
/** Its lease must have ended. */
const presumed: Standing = { phase: "absent", knowledge: "known", unproven: true };
const backup: BrokerSight = sightOn(1);

function sightOn(node: number, { primary = 2, port = 5672 } = {}): BrokerSight {
  const members = [1, 2, 3].map((one) => {
    const entry = member(one, one === primary ? "active" : "ready");
    return { ...entry, host: `data-${entry.host}`, port };
  });
  const said = { state: "ready", systemId: systemId(node), members } as const;
  return { type: "answers", ...said, depth: 0, refuses: false };
}

class Scene {
  readonly time = new VirtualTime();
  readonly lines: string[] = [];
  readonly ended: ConnectionFilter[] = [];
  readonly names = new Map([
    ["node2.example.com", "10.0.0.2"],
    ["data-node2", "10.9.0.2"],
    ["node3.example.com", "10.0.0.3"],
  ]);
  readonly sights = new Map<number, BrokerSight>();
  /** Whether the broker that is asked accepts connections. */
  answers = false;
  readonly asked: unknown[] = [];
  own: BrokerSight | null = backup;
  target: Result<OwnBroker, string> = readOwnBroker("ha-cluster=yes\n");
  /** What an attempt to end connections comes to. */
  outcome: Result<number, string> = accept(1);
  readonly #nodes = new Map<number, Standing>();
  readonly #peers: BrokerPeers;

  constructor() {
    const log: LogSink = {
      write: (_channel, level, { text }: LogLine) => this.lines.push(`${level}: ${text}`),
      reopen: () => undefined,
      flush: () => undefined,
    };
    this.#peers = new BrokerPeers({
      connections: {
        resolve: (host) => settled([this.names.get(host)].flatMap((one) => one ?? [])),
        end: (filter) => {
          this.ended.push(filter);
          return settled(this.outcome);
        },
        answers: (where, withinMs) => {
          this.asked.push({ ...where, withinMs });
          return settled(this.answers);
        },
      },
      self: id(1),
      clock: processOn(this.time).clock,
      log,
      own: () => this.own,
      target: () => settled(this.target),
    });
  }

  is(node: number, standing: Standing): this {
    this.#nodes.set(node, standing);
    const table = {
      node: (one: number) => this.#nodes.get(one) ?? ready,
      brokerSight: (one: number) => this.sights.get(one) ?? null,
    };
    this.#peers.look(sampleConf(), table);
    return this.run(10);
  }

  run(forMs: number): this {
    this.time.runUntil(this.time.nowMs + forMs);
    return this;
  }

  end(): void {
    this.#peers.end();
  }
}

test("PEERS1: connections with a node are ended once it is known to be off", async (t) => {
  const scene = new Scene().is(2, ready).is(2, lost).is(2, doubtful);
  t.equal(scene.ended.length, 0);
  scene.is(2, off);
  t.same(scene.ended, [{ addresses: ["10.0.0.2"], ports: [5672] }]);
  t.match(scene.lines, [
    /^info: node2\.example\.com is off: connections of this node's broker with it/,
  ]);
});

test("PEERS1: of a node that is only presumed to be off the broker is asked first", async (t) => {
  const scene = new Scene().is(2, ready).is(2, presumed);
  t.same(scene.asked, [{ addresses: ["10.0.0.2"], ports: [5672], withinMs: 300 }]);
  t.same(scene.ended, [{ addresses: ["10.0.0.2"], ports: [5672] }]);
  const alive = new Scene();
  alive.answers = true;
  alive.is(2, ready).is(2, presumed).run(60_000);
  t.same(alive.ended, []);
  t.match(alive.lines, [
    /^alert: node2\.example\.com counts as off, .* its broker still answers: connections/,
  ]);
  const proven = new Scene().is(2, ready).is(2, off);
  t.same(proven.asked, []);
});

test("PEERS1: a node that was off before says nothing new", async (t) => {
  t.equal(new Scene().is(2, off).is(3, lost).ended.length, 0);
});

test("the names by which its broker is a member count, and its port", async (t) => {
  const scene = new Scene();
  scene.sights.set(2, sightOn(2, { port: 5671 }));
  scene.is(2, ready).is(2, off);
  t.same(scene.ended, [{ addresses: ["10.0.0.2", "10.9.0.2"], ports: [5672, 5671] }]);
});

test("PEERS2: what a backup tries later is ended too, until it has a primary", async (t) => {
  const scene = new Scene();
  scene.sights.set(2, sightOn(2));
  scene.is(2, ready).is(2, off).run(1000);
  t.equal(scene.ended.length, 7);
  scene.own = sightOn(1, { primary: 3 });
  scene.is(3, ready).run(1000);
  t.equal(scene.ended.length, 7);
  t.equal(scene.lines.length, 1);
});

test("PEERS2: but not for ever", async (t) => {
  const scene = new Scene();
  scene.sights.set(2, sightOn(2));
  scene.is(2, ready).is(2, off).run(60_000);
  t.equal(scene.ended.length, 101);
});

test("a primary has nothing to find", async (t) => {
  const scene = new Scene();
  scene.sights.set(2, sightOn(2, { primary: 1 }));
  scene.own = sightOn(1, { primary: 1 });
  scene.is(2, ready).is(2, off).run(10_000);
  t.equal(scene.ended.length, 1);
});

test("PEERS2: but not when the node is back", async (t) => {
  const scene = new Scene().is(2, ready).is(2, off).is(2, ready);
  scene.run(10_000);
  t.equal(scene.ended.length, 1);
});

test("a node that comes back with another address is resolved again", async (t) => {
  const scene = new Scene().is(2, ready).is(2, off);
  scene.names.set("node2.example.com", "10.0.0.22");
  scene.is(2, ready).is(2, off);
  t.same(scene.ended.at(-1)?.addresses, ["10.0.0.22"]);
});

test("without a broker here there is nothing to end", async (t) => {
  const scene = new Scene();
  scene.own = { type: "gone" };
  scene.is(2, ready).is(2, off);
  scene.own = null;
  scene.is(3, ready).is(3, off);
  t.equal(scene.ended.length, 0);
});

test("a host that cannot be resolved, and a broker without address, end nothing", async (t) => {
  const scene = new Scene();
  scene.names.delete("node2.example.com");
  scene.is(2, ready).is(2, off);
  scene.target = refuse("its interface is no address");
  scene.is(3, ready).is(3, off);
  t.equal(scene.ended.length, 0);
  t.match(scene.lines, [
    /^warning: .*cannot be ended: no address of node2\.example\.com is known, since the name could/,
  ]);
});

test("a name that could not be resolved is tried again with what its node says next", async (t) => {
  const scene = new Scene();
  scene.names.delete("node2.example.com");
  scene.is(2, ready);
  scene.names.set("node2.example.com", "10.0.0.22");
  scene.sights.set(2, sightOn(2));
  scene.is(2, ready).is(2, off);
  t.same(scene.ended[0]?.addresses, ["10.0.0.22", "10.9.0.2"]);
});

test("a kernel that cannot end connections is told of once", async (t) => {
  const scene = new Scene();
  scene.outcome = refuse("2 of its connections remain");
  scene.is(2, ready).is(2, off).run(10_000);
  t.match(scene.lines, [
    /^warning: node2\.example\.com is off, and connections of .* cannot be ended: 2 of/,
  ]);
  t.equal(scene.lines.length, 1);
});

test("after the end of a life nothing is ended", async (t) => {
  const scene = new Scene().is(2, ready).is(2, off);
  scene.end();
  scene.run(10_000);
  t.equal(scene.ended.length, 1);
});

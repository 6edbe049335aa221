/** One life of a node around a ring thread that says what the test says. */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import type {
  RingThreadInput,
  RingThreadOutput,
  RingThreadProblem,
} from "../../src/ring-thread/ring-port.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";
import { incarnation } from "../membership/ring-driver.ts";
import { Cluster } from "../sim/cluster.ts";
import type { Membership, OnOutputs } from "../sim/membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import type { VirtualProcess } from "../sim/virtual-process.ts";
import { settled } from "../sim/virtual-promise.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

type Posted = Exclude<RingThreadInput, { readonly type: "start" }>["type"];

class ScriptedThread implements RingThread {
  readonly posted: Posted[] = [];
  readonly say: (output: RingThreadOutput) => void;
  readonly gone = Promise.resolve();
  killed = false;

  constructor(process: VirtualProcess, onOutputs: OnOutputs) {
    this.say = (output) => process.enter(() => onOutputs([output]));
  }

  readonly post: RingThread["post"] = ({ type }) => {
    this.posted.push(type);
  };

  readonly kill: RingThread["kill"] = () => {
    this.killed = true;
    return settled(undefined);
  };
}

/** Node 1, with a thread for each of its lives. */
class Scene implements Membership {
  readonly threads: ScriptedThread[] = [];
  readonly cluster: Cluster;

  constructor() {
    this.cluster = new Cluster({ conf: sampleConf(), time: new VirtualTime(), membership: this });
    this.cluster.boot(1);
  }

  start(_place: number, process: VirtualProcess, onOutputs: OnOutputs): RingThread {
    const thread = new ScriptedThread(process, onOutputs);
    this.threads.push(thread);
    return thread;
  }

  crash(): void {}
  certify(): void {}
  connect(): void {}
  pause(): void {}
  resume(): void {}

  get thread(): ScriptedThread {
    const last = this.threads.at(-1);
    if (last === undefined) throw new Error("no thread");
    return last;
  }

  started(): this {
    const scheduling = "default" as const;
    const said = { type: "started", incarnation: incarnation(7), startedAtMs: ms(0) } as const;
    this.thread.say({ ...said, scheduling, certificate: new Uint8Array(0) });
    return this.run(10);
  }

  fatal(type: RingThreadProblem["type"]): this {
    this.thread.say({ type: "fatal", problem: { type, text: "a problem" } });
    return this.run(3000);
  }

  run(forMs: number): this {
    this.cluster.run(forMs);
    return this;
  }
}

test("a message that the ring has refused ends the life, and the next one begins", async (t) => {
  const scene = new Scene().started();
  const [first] = scene.threads;
  first?.say({ type: "queue", lane: "app", state: "full" });
  scene.run(3000);
  t.equal(first?.killed, true);
  t.equal(scene.threads.length, 2, "with a ring thread of its own");
  t.equal(scene.cluster.boots(1), 2);
  t.ok(scene.cluster.log.some((line) => line.endsWith("err: the send queue app is full")));
});

test("LIFE1: a ring thread that still speaks for an ended life is not answered", async (t) => {
  const scene = new Scene().started();
  const [first] = scene.threads;
  first?.say({ type: "heartbeat", beat: 1 });
  t.equal(first?.posted.filter((type) => type === "heartbeat-answer").length, 1);
  first?.say({ type: "queue", lane: "app", state: "full" });
  scene.run(3000);
  const before = first?.posted.length;
  first?.say({ type: "heartbeat", beat: 2 });
  first?.say({ type: "fatal", problem: { type: "broken-invariant", text: "too late" } });
  scene.run(3000);
  t.equal(first?.posted.length, before);
  t.equal(scene.cluster.isUp(1), true, "the next life goes on");
});

test("a silent main thread costs a life, and a duplicate node ends the process", async (t) => {
  const silent = new Scene().started().fatal("main-thread-silent");
  t.equal(silent.threads.length, 2);
  t.equal(silent.cluster.isUp(1), true);
  const duplicate = new Scene().started().fatal("duplicate-node");
  t.equal(duplicate.threads.length, 1);
  t.equal(duplicate.cluster.isUp(1), false);
});

test("a shutdown that comes before the ring thread has started is not forgotten", async (t) => {
  const scene = new Scene();
  scene.cluster.terminate(1);
  scene.run(10);
  t.notOk(scene.thread.posted.includes("leave"), "there is no node yet");
  scene.started().run(20_000);
  t.ok(scene.thread.posted.includes("leave"));
  scene.thread.say({ type: "stopped" });
  t.equal(scene.cluster.endOf(1), "left");
});

/** The loop of the cluster node: what its end leaves behind. */
import { test } from "tap";
import type { Clock } from "../../src/io/ports.ts";
import { EventLoop } from "../../src/life/event-loop.ts";
import type { NodeAgents } from "../../src/life/node-agents.ts";
import { ms } from "../../src/model/time.ts";
import type { NodeInput, NodeOutput } from "../../src/node/node-events.ts";
import { id } from "../sim/cluster.ts";
import { VirtualProcess } from "../sim/virtual-process.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

/** A loop around a node that puts out what the test says. */
class Scene {
  readonly time = new VirtualTime();
  readonly taken: NodeInput[] = [];
  readonly posted: string[] = [];
  readonly loop: EventLoop;
  outputs: readonly NodeOutput[] = [];
  /** Whether agents may still be started, as the loop has told them. */
  withdrawn: AbortSignal | null = null;

  constructor() {
    const agents: NodeAgents = {
      perform: () => undefined,
      cancel: () => undefined,
      fence: () => undefined,
      unfence: (withdrawn) => {
        this.withdrawn = withdrawn;
      },
    };
    this.loop = new EventLoop({
      node: {
        step: (input) => {
          this.taken.push(input);
          return this.outputs;
        },
      },
      clock: this.#clock(),
      log: { write: () => undefined, reopen: () => undefined, flush: () => undefined },
      agents,
      postToRing: ({ type }) => this.posted.push(type),
      onConf: () => undefined,
      onMachines: () => undefined,
      prepareText: () => undefined,
      onLease: () => undefined,
      onToldToLeave: () => undefined,
      onKillBroker: () => undefined,
      onLookAtBroker: () => undefined,
      onFailover: () => undefined,
      onEnd: () => this.loop.end(),
      onTurn: () => undefined,
    });
  }

  #clock(): Clock {
    const { time } = this;
    const silent = () => undefined;
    return new VirtualProcess({ time, wallOffsetMs: () => 0, passMs: 0, onTurn: silent }).clock;
  }
}

test("after its end the loop steps nothing, whoever still has something to say", async (t) => {
  const scene = new Scene();
  scene.outputs = [{ type: "arm", timer: "lease", afterMs: ms(100) }];
  scene.loop.push({ type: "begin" });
  scene.loop.end();
  scene.loop.push({ type: "contested", nodes: [id(2)] });
  scene.time.runUntil(1000);
  t.same(
    scene.taken.map(({ type }) => type),
    ["begin"],
    "no input, and no timer that was armed before",
  );
});

test("what a step has put out behind its end is not performed", async (t) => {
  const scene = new Scene();
  const sync = { type: "sync-done", ring: { rep: id(1), seq: 4 } } as const;
  scene.outputs = [sync, { type: "restart", why: "a test" }, sync];
  scene.loop.push({ type: "begin" });
  t.same(scene.posted, ["sync-done"]);
});

test("whoever waits for an answer gets one at the end, and so does who asks later", async (t) => {
  const scene = new Scene();
  const told: unknown[] = [];
  const kill = { type: "kill", victim: id(2), who: "operator" } as const;
  const order = { change: { type: "expected", expected: 2 }, sentence: null, who: "it" } as const;
  scene.loop.ask(kill, (outcome) => told.push(outcome));
  scene.loop.order(order, ({ accepted }) => told.push(accepted));
  t.same(told, [], "nobody has answered yet");
  scene.loop.end();
  t.match(told, [{ type: "failed", why: "life-ended" }, false]);
  scene.loop.ask(kill, (outcome) => told.push(outcome));
  scene.loop.order(order, ({ accepted }) => told.push(accepted));
  t.match(told.slice(2), [{ type: "refused", why: "between-lives" }, false]);
});

test("an agent that has not begun at the end is not to begin", async (t) => {
  const scene = new Scene();
  scene.outputs = [{ type: "unfence", run: 1 }];
  scene.loop.push({ type: "begin" });
  t.equal(scene.withdrawn?.aborted, false);
  scene.loop.end();
  t.equal(scene.withdrawn?.aborted, true);
});

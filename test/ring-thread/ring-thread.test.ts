/**
 * The thread of the ring over real sockets: how it starts, whom it hears, how it ends.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import type { TotemConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import type {
  RingThreadOptions,
  RingThreadOutput,
  RingThreadProblem,
  RingThreadStatus,
} from "../../src/ring-thread/ring-port.ts";
import { type RingThread, startRingThread } from "../../src/ring-thread/ring-thread-start.ts";
import { until } from "../io/waiting.ts";
import { id } from "../sim/cluster.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { ringThreadContract } from "./ring-thread.contract.ts";

let port = 20_000 + (process.pid % 10_000) * 4 + 3;

/** Their ring does not break up because the machine is busy: whatever ends it is what is tested. */
const patient = { tokenMs: ms(10_000), consensusMs: ms(12_000) };

function totem(transport: "udp" | "udpu"): TotemConf {
  return { ...sampleConf().totem, transport, port };
}

class Station {
  readonly outputs: RingThreadOutput[] = [];
  readonly thread: RingThread;
  /** Cleared by the tests of a silent main thread. */
  answers = true;

  readonly options: RingThreadOptions;

  constructor(options: RingThreadOptions) {
    this.options = options;
    this.thread = startRingThread(options, (outputs) => {
      this.outputs.push(...outputs);
      for (const output of outputs) {
        if (output.type === "configuration" && output.configuration.kind === "regular") {
          this.thread.post({ type: "sync-done", ring: output.configuration.ring });
        }
        if (output.type !== "heartbeat" || !this.answers) continue;
        this.thread.post({ type: "heartbeat-answer", beat: output.beat });
      }
    });
  }

  of<Type extends RingThreadOutput["type"]>(
    type: Type,
  ): Extract<RingThreadOutput, { readonly type: Type }>[] {
    return this.outputs.filter(
      (output): output is Extract<RingThreadOutput, { readonly type: Type }> =>
        output.type === type,
    );
  }

  members(): string {
    const last = this.of("configuration").at(-1)?.configuration;
    return last?.kind === "regular" ? last.members.join() : "";
  }

  problem(): RingThreadProblem | null {
    return this.of("fatal")[0]?.problem ?? null;
  }

  texts(): string[] {
    return this.of("deliver").map(({ from, payload }) => `${from}: ${Buffer.from(payload)}`);
  }

  send(text: string): void {
    const payload = Buffer.from(text);
    this.thread.post({ type: "submit", lane: "app", payload, safe: true });
  }

  async status(): Promise<RingThreadStatus> {
    const request = this.of("snapshot").length + 1;
    this.thread.post({ type: "snapshot", request });
    await until("the snapshot", () => this.of("snapshot").length === request);
    const status = this.of("snapshot").at(-1)?.status;
    if (status === undefined) throw new Error("no snapshot");
    return status;
  }
}

type Variant = Partial<RingThreadOptions> & { readonly transport?: "udp" | "udpu" };

/** Starts node `self` of a cluster of three at 127.0.0.1 to 127.0.0.3. */
async function station(t: Test, self: number, variant: Variant = {}): Promise<Station> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "clusterd-ring-"));
  const { transport = "udp", ...rest } = variant;
  const started = new Station({
    clusterName: "qpid-test",
    clusterId: 55_582,
    self: id(self),
    nodes: [1, 2, 3].map((node) => ({ id: id(node), address: `127.0.0.${node}` })),
    totem: totem(transport),
    configHash: 7,
    safeWaitMs: ms(7500),
    stateDirectory,
    leaseMs: ms(20_000),
    realtime: false,
    nativeCalls: true,
    ...rest,
  });
  t.teardown(async () => {
    await started.thread.kill();
    await rm(stateDirectory, { recursive: true, force: true });
  });
  return started;
}

/** `third`: what only the third node has. */
async function cluster(t: Test, variant: Variant = {}, third: Variant = {}): Promise<Station[]> {
  port += 1;
  const stations = await Promise.all(
    [1, 2, 3].map((self) => station(t, self, self === 3 ? { ...variant, ...third } : variant)),
  );
  await until("one ring of three", () => stations.every((each) => each.members() === "1,2,3"));
  return stations;
}

for (const transport of ["udp", "udpu"] as const) {
  test(`${transport}: three nodes form a ring and deliver in one order`, async (t) => {
    const stations = await cluster(t, { transport });
    const sent = stations.flatMap((each, index) =>
      Array.from({ length: 50 }, (_, number) => {
        each.send(`message ${number}`);
        return `${index + 1}: message ${number}`;
      }),
    );
    await until("all is delivered", () =>
      stations.every((each) => each.of("deliver").length === sent.length),
    );
    const [first, ...others] = stations.map((each) => each.texts());
    t.same([...(first ?? [])].sort(), [...sent].sort());
    for (const other of others) t.same(other, first);
    const status = await stations[0]?.status();
    t.equal(status?.ring.state, "operational");
    t.equal(status?.drops["authentication"], 0);
  });
}

ringThreadContract("real", async (t) => {
  port += 1;
  return { start: (node) => station(t, node), until };
});

test("proofs of membership come, rise, and are older than now", async (t) => {
  const [first] = await cluster(t);
  await until("some proofs", () => (first?.of("lease").length ?? 0) >= 4);
  const starts = first?.of("lease").map(({ lease }) => lease.startMs) ?? [];
  t.same(
    [...starts].sort((a, b) => a - b),
    starts,
  );
  t.ok(starts.every((startMs) => startMs > (first?.of("started")[0]?.startedAtMs ?? 0) - 11));
});

test("a node that leaves is gone at once, and its thread has ended", async (t) => {
  const [first, second, third] = await cluster(t);
  third?.thread.post({ type: "leave" });
  await third?.thread.gone;
  t.same(third?.outputs.at(-1), { type: "stopped" });
  await until("the others go on", () => first?.members() === "1,2" && second?.members() === "1,2");
  const heard = first?.of("configuration").at(-1)?.heardAt ?? [];
  t.same(
    heard.map(({ node }) => node),
    [1, 2, 3],
  );
  t.ok(heard.every(({ atMs }) => atMs > 0));
});

test("what is said before the sockets are open is done afterwards", async (t) => {
  port += 1;
  const hasty = await station(t, 1);
  hasty.thread.post({ type: "leave" });
  await hasty.thread.gone;
  t.same(
    hasty.outputs.map(({ type }) => type).filter((type) => type !== "notice"),
    ["started", "stopped"],
  );
});

test("a dead node is noticed, and heard at no later than the others", async (t) => {
  const [first, second, third] = await cluster(t);
  await third?.thread.kill();
  await until("the others go on", () => first?.members() === "1,2" && second?.members() === "1,2");
  t.ok((first?.of("suspended").length ?? 0) >= 1);
  const heard = first?.of("configuration").at(-1)?.heardAt ?? [];
  t.ok((heard[2]?.atMs ?? Number.NaN) < (heard[0]?.atMs ?? Number.NaN));
});

test("a node restarted at once is a new life, with a higher ring sequence", async (t) => {
  const [first, second, third] = await cluster(t);
  const before = third?.of("started")[0];
  const ringBefore = first?.of("configuration").at(-1)?.configuration.ring.seq ?? 0;
  await third?.thread.kill();
  const stateDirectory = third?.options.stateDirectory ?? "";
  const again = await station(t, 3, { totem: totem("udp"), stateDirectory });
  await until("the ring of three is back", () => again.members() === "1,2,3");
  const after = again.of("started")[0];
  t.ok((after?.incarnation ?? 0) > (before?.incarnation ?? 0));
  await until("the others have it", () =>
    [first, second].every((each) => {
      const last = each?.of("configuration").at(-1);
      const life = last?.incarnations.find(([node]) => node === 3)?.[1];
      return each?.members() === "1,2,3" && life === after?.incarnation;
    }),
  );
  const ringAfter = first?.of("configuration").at(-1)?.configuration.ring.seq ?? 0;
  t.ok(ringAfter > ringBefore, `${ringAfter} after ${ringBefore}`);
});

test("a node whose main thread is silent for the lease time leaves", async (t) => {
  const [first, , third] = await cluster(t, {}, { leaseMs: ms(1000) });
  if (third !== undefined) third.answers = false;
  await until("it gives up", () => third?.problem() !== null);
  t.match(third?.problem(), { type: "main-thread-silent" });
  await until("the others go on", () => first?.members() === "1,2");
});

test("case 24: another cluster, another key and secauth off stay outside", async (t) => {
  const calm = { ...totem("udp"), ...patient };
  const [first, second] = await cluster(t, { totem: calm });
  const outside: readonly (readonly [string, Variant])[] = [
    ["other-cluster", { clusterName: "alpha", totem: calm }],
    ["other-mode", { totem: { ...calm, secauth: false } }],
  ];
  for (const [cause, variant] of outside) {
    const nodes = [1, 2, 9].map((node) => ({ id: id(node), address: `127.0.0.${node}` }));
    const stranger = await station(t, 9, { nodes, ...variant });
    await until(`drops of ${cause}`, async () => {
      return ((await second?.status())?.drops[cause] ?? 0) > 0;
    });
    await stranger.thread.kill();
  }
  t.equal(first?.members(), "1,2,3");
});

test("case 27: a clone with a used node id stops, and dissolves nothing", async (t) => {
  const calm = { ...totem("udp"), ...patient };
  const [first] = await cluster(t, { totem: calm });
  // The three may have come together in two steps.
  const suspended = first?.of("suspended").length;
  const nodes = [1, 2, 3].map((node) => ({
    id: id(node),
    address: `127.0.0.${node === 1 ? 7 : node}`,
  }));
  const clone = await station(t, 1, { nodes, totem: calm });
  await until("the clone stops", () => clone.problem() !== null);
  t.match(clone.problem(), { type: "duplicate-node", text: /127\.0\.0\.1 and was there first/ });
  await until(
    "the first says so",
    () =>
      first?.of("notice").some(({ notice }) => notice.text.includes("uses this node's id")) ??
      false,
  );
  t.equal(first?.of("suspended").length, suspended);
});

test("what prevents the start is fatal, with the remedy in words", async (t) => {
  port += 1;
  const running = await station(t, 1);
  await until("it runs", () => running.of("started").length === 1);
  const taken = await station(t, 1);
  await until("it is refused", () => taken.problem() !== null);
  t.match(taken.problem(), { type: "transport", text: /127\.0\.0\.1:\d+ is taken/ });
  const nowhere = await station(t, 1, { nodes: [{ id: id(1), address: "192.0.2.9" }] });
  await until("it is refused", () => nowhere.problem() !== null);
  t.match(nowhere.problem(), { type: "transport", text: /on no interface/ });
  const keyless = await station(t, 2, { totem: { ...totem("udp"), keyFile: "/nonexistent" } });
  await until("it is refused", () => keyless.problem() !== null);
  t.match(keyless.problem(), { type: "key-file" });
  const stateless = await station(t, 3, { stateDirectory: "/nonexistent/clusterd" });
  await until("it is refused", () => stateless.problem() !== null);
  t.match(stateless.problem(), { type: "store" });
});

test("a broken invariant in the thread is the last that is heard of it", async (t) => {
  port += 1;
  const broken = await station(t, 1);
  await until("it runs", () => broken.of("started").length === 1);
  broken.thread.post(JSON.parse('{"type":"nonsense"}'));
  await broken.thread.gone;
  t.match(broken.outputs.at(-1), {
    type: "fatal",
    problem: { type: "broken-invariant", text: /unhandled variant/ },
  });
});

/** Scheduling policy (field 41 of the stat file) of each thread of this process: 0 is normal. */
function policies(): string[] {
  return readdirSync("/proc/self/task").map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38] ?? "";
  });
}

test("real-time priority is the ring's alone, or is refused in words", async (t) => {
  port += 1;
  const eager = await station(t, 1, { realtime: true });
  await until("it runs", () => eager.of("started").length === 1);
  const roundRobin = policies().filter((policy) => policy === "2").length;
  if (eager.of("started")[0]?.scheduling === "round-robin") t.equal(roundRobin, 1);
  else {
    t.equal(roundRobin, 0);
    t.ok(eager.of("notice").some(({ notice }) => /normal priority/.test(notice.text)));
  }
});

test("without native calls the thread says at which priority it runs", async (t) => {
  port += 1;
  const plain = await station(t, 1, { realtime: true, nativeCalls: false });
  await until("it runs", () => plain.of("started").length === 1);
  t.equal(plain.of("started")[0]?.scheduling, "default");
  t.ok(plain.of("notice").some(({ notice }) => /normal priority/.test(notice.text)));
});

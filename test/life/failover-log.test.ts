import { test } from "tap";
import type { LogLine } from "../../src/io/ports.ts";
import { FailoverLog } from "../../src/life/failover-log.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import type { Failover } from "../../src/model/failover-times.ts";
import { failoverBoundsMs } from "../../src/model/histogram.ts";
import { ms } from "../../src/model/time.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";

function conf(...names: readonly string[]): ClusterConf {
  const sample = sampleConf();
  const services = names.map((name) => sampleService(name, [script(name)]));
  return { ...sample, services: { ...sample.services, services } };
}

/** The log of node 2. */
class Scene {
  readonly said: (readonly [string, LogLine])[] = [];
  conf = conf("web", "mail");
  readonly log = new FailoverLog({
    self: 2,
    conf: () => this.conf,
    clock: { wallMs: () => ms(1_394_445_600_900) },
    log: {
      write: (channel, level, line) => this.said.push([`${channel} ${level}`, line]),
      reopen: () => undefined,
      flush: () => undefined,
    },
  });
}

function failover(rest: Partial<Failover> = {}): Failover {
  const parts = [
    { part: "address", ms: 30 },
    { part: "script", ms: 60 },
    { part: "fs", ms: 140 },
  ];
  const stop = { phase: "stop", ms: 21, node: 1, how: "", parts: [] } as const;
  const start = { phase: "start", ms: 400, node: 2, how: "", parts } as const;
  const whole = { kind: "relocate", from: 1, to: 2, totalMs: 421 } as const;
  return { service: "service:web", ...whole, phases: [stop, start], ...rest };
}

test("a failover to this node is one line, for people and for programs", (t) => {
  const { log, said } = new Scene();
  const here = failover();
  log.note(here);
  t.equal(said.length, 1);
  const [[level, line] = []] = said;
  t.equal(level, "services info");
  t.equal(
    line?.text,
    "service:web failover node1.example.com -> node2.example.com in 421 ms (relocate): " +
      "stop 21, start 400 (address 30, script 60, fs 140)",
  );
  t.same(line?.fields, { failover: here });
  t.end();
});

test("one to another node is kept, but neither said nor counted", (t) => {
  const { log, said } = new Scene();
  log.note(failover({ to: 3 }));
  t.same(said, []);
  t.same(log.counts, { kinds: [], parts: [] });
  const { service: _, ...rest } = failover({ to: 3 });
  t.same(log.of("service:web"), [{ at: 1_394_445_600, ...rest }]);
  t.end();
});

test("KEPT1: the last ten of each configured service are kept", (t) => {
  const scene = new Scene();
  const { log } = scene;
  for (let totalMs = 1; totalMs <= 12; totalMs += 1) log.note(failover({ totalMs }));
  log.note(failover({ service: "service:mail" }));
  t.same(
    log.of("service:web").map(({ totalMs }) => totalMs),
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  t.equal(log.of("service:mail").length, 1);
  scene.conf = conf("mail");
  log.note(failover({ service: "service:mail" }));
  t.same(log.of("service:web"), []);
  t.end();
});

test("durations are counted by kind and by part; a total that is not known is not", (t) => {
  const { log } = new Scene();
  const [stop, start] = failover().phases;
  if (stop === undefined || start === undefined) throw new Error("no phases");
  log.note(failover({ phases: [start, stop, start], totalMs: 821 }));
  log.note(failover({ totalMs: null, kind: "node-lost", phases: [start] }));
  log.note(failover({ totalMs: 400_000, phases: [] }));
  const { kinds, parts } = log.counts;
  const within = (...least: readonly number[]) =>
    failoverBoundsMs.map((bound) => least.filter((one) => one <= bound).length);
  t.same(kinds, [{ name: "relocate", counts: within(821, 400_000), count: 2, sumMs: 400_821 }]);
  t.same(
    parts.map(({ name, count, sumMs }) => [name, count, sumMs]),
    [
      ["stop", 1, 21],
      ["start", 2, 1200],
      ["address", 2, 90],
      ["resources", 2, 600],
    ],
  );
  t.end();
});

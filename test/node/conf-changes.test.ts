/** What an operator is told that a new conf has changed. */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { confChanges } from "../../src/node/conf-changes.ts";
import { method } from "../fencing/fence-cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";

const old = sampleConf();

test("nothing is said of what is the same, or only written again", async (t) => {
  t.same(confChanges(old, { ...old, version: 19 }), []);
});

test("services and domains", async (t) => {
  const [first, second, ...others] = old.services.services;
  if (first === undefined || second === undefined) throw new Error("no services");
  const [domain, ...domains] = old.services.domains;
  if (domain === undefined) throw new Error("no domains");
  const services = {
    ...old.services,
    statusChildMax: 3,
    domains: [{ ...domain, ordered: !domain.ordered }, ...domains.slice(1)],
    services: [
      { ...second, tree: { ...second.tree, children: [] } },
      ...others,
      sampleService("n", [script("n")]),
    ],
  };
  t.same(confChanges(old, { ...old, services }), [
    `${first.name} is removed`,
    `${second.name} has other resources`,
    "service:n is new",
    `failover domain ${domain.name} has changed`,
    `failover domain ${domains[0]?.name} is removed`,
    "<rm> has changed",
  ]);
});

test("fencing, the log and accounts", async (t) => {
  const [first, ...others] = old.nodes;
  if (first === undefined) throw new Error("no nodes");
  const power = method("power", "fence_apc nps1");
  const node = { ...first, fenceMethods: [power], unfence: power.devices };
  const times = { postJoinDelayMs: null, overrideTimeMs: ms(1500), cleanStart: true };
  const next = {
    ...old,
    nodes: [node, ...others],
    fencing: { ...old.fencing, ...times },
    logging: { ...old.logging, logFile: "/var/log/x" },
    accounts: [{ type: "uid" as const, name: "broker" }],
  };
  t.same(confChanges(old, next), [
    "node1.example.com has other fence devices",
    "node1.example.com has other devices that unfence it",
    "post_join_delay: 6 s -> for ever",
    "override_time: 3 s -> 1.5 s",
    "clean_start: 0 -> 1",
    "<logging> has changed",
    "<uidgid> has changed",
  ]);
});

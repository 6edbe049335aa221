/** What a new configuration changes, as nodes see it whose agents differ. */
import { test } from "tap";
import {
  agentsByType,
  type DiscoveredAgents,
  judgeAnswer,
  noAgents,
} from "../../src/config/agents/discovered-agents.ts";
import type { ServicesConf } from "../../src/model/conf.ts";
import { compareServices, compareTrees } from "../../src/services/tree/tree-delta.ts";
import { parseClusterConf } from "../config/parsed-conf.ts";

const metadata = (parameters: string) =>
  '<resource-agent name="lamp"><parameters><parameter name="id" primary="1"/>' +
  `${parameters}</parameters><actions><action name="start"/></actions></resource-agent>`;
const older = metadata('<parameter name="colour"><content default="white"/></parameter>');
const newer = metadata(
  '<parameter name="watt"><content default="40"/></parameter><parameter name="colour">' +
    '<content default="red"/></parameter><parameter name="owner" inherit="service%name"/>',
);
/** Its defaults are not clusterd's. */
const serviceAgent =
  '<resource-agent name="service"><parameters><parameter name="name" primary="1"/>' +
  '<parameter name="autostart"><content default="0"/></parameter><parameter name="recovery">' +
  '<content default="relocate"/></parameter></parameters></resource-agent>';

function agents(lamp: string | null, others: readonly string[] = []): DiscoveredAgents {
  const outcome =
    lamp === null
      ? ({ type: "failed", cause: "it does not end" } as const)
      : ({ type: "printed", text: lamp } as const);
  const printed = others.map((text, at) => {
    return { file: `/a/other${at}`, outcome: { type: "printed", text } as const };
  });
  const ocf =
    lamp === null ? [] : [["x:lamp", judgeAnswer({ file: "/o", outcome }, "ocf")] as const];
  const byType = agentsByType([{ file: "/a/lamp.sh", outcome }, ...printed]);
  return { ...noAgents, byType, ocf: new Map(ocf) };
}

const nodes = [agents(older), agents(newer), agents(null), agents(older, [serviceAgent])];

function read(inside: string, found: DiscoveredAgents): ServicesConf {
  const text =
    '<cluster name="c" config_version="1"><clusternodes><clusternode name="n" nodeid="1"/>' +
    `</clusternodes><rm native="0">${inside}</rm></cluster>`;
  const { conf, complaints } = parseClusterConf(text, { file: "c", agents: found });
  if (conf === null) throw new Error(JSON.stringify(complaints));
  return conf.services;
}

const service = (inside: string, attributes = "") =>
  `<service name="s" ${attributes}>${inside}</service>`;

/** As each node sees it. */
function seen(old: string, next: string): readonly string[] {
  return nodes.map((found) => {
    const [before, after] = [read(old, found), read(next, found)];
    const delta = [...compareServices(before, after).values()].join();
    const [one, other] = [before.services[0], after.services[0]];
    if (one === undefined || other === undefined) return delta;
    const { gone, fresh } = compareTrees(one.tree, other.tree);
    return `${delta} ${gone.length} ${fresh.length}`;
  });
}

test("DELTA1: nodes with other agents, or without, see the same change", async (t) => {
  const changes = [
    ['<lamp id="a"/>', '<lamp id="a" colour="white"/>', "parts 1 1"],
    ['<lamp id="a" colour="red"/>', '<lamp id="a"/>', "parts 1 1"],
    ['<lamp id="a"/>', '<lamp id="a" watt="40"/>', "parts 1 1"],
    ['<lamp id="a"/>', '<lamp id="a" __max_failures="1" __failure_expire_time="9"/>', "same 0 0"],
    ['<lamp id="a"/>', '<lamp id="a"><lamp id="b"/></lamp>', "parts 0 1"],
    ['<ocf name="a" agent="x:lamp"/>', '<ocf name="a" agent="x:lamp" watt="40"/>', "parts 1 1"],
    ['<ocf name="a" agent="x:lamp"/>', '<ocf name="a" agent="x:lamp"/>', "same 0 0"],
  ] as const;
  for (const [old, next, expected] of changes) {
    t.same(seen(service(old), service(next)), Array(nodes.length).fill(expected), next);
  }
  const lamp = '<lamp id="a"/>';
  const values = [
    ['autostart="1"', "same 0 0"],
    ['autostart="0"', "attributes 0 0"],
    ['recovery="relocate"', "attributes 0 0"],
    ['depend_mode="soft"', "replaced 0 0"],
  ] as const;
  for (const [attributes, expected] of values) {
    const now = seen(service(lamp), service(lamp, attributes));
    t.same(now, Array(nodes.length).fill(expected), attributes);
  }
});

test("DELTA1: values of a service are the same on all nodes", async (t) => {
  const fields = nodes.map((found) => {
    const { tree: _, ...rest } = read(service(""), found).services[0] ?? { tree: null };
    return rest;
  });
  for (const one of fields) t.same(one, fields[0]);
});

test("an agent that was replaced meanwhile restarts no service", async (t) => {
  const text = service('<lamp id="a"/>');
  const deltas = nodes.map((found) => [
    ...compareServices(read(text, found), read(text, nodes[0] ?? found)).values(),
  ]);
  t.same(deltas, Array(nodes.length).fill(["same"]));
});

test("defaults of a type can be given where its agent is missing", async (t) => {
  const text = service('<lamp id="a"/>');
  const defaults = '<resource-defaults><lamp colour="x"/></resource-defaults>';
  t.same(seen(text, `${defaults}${text}`), Array(nodes.length).fill("parts 1 1"));
});

test("defaults of the file count as written", async (t) => {
  const defaults = '<resource-defaults><script service_name="x"/></resource-defaults>';
  const text = service('<script name="a" file="/etc/init.d/a"/>');
  t.same(seen(text, `${defaults}${text}`), Array(nodes.length).fill("parts 1 1"));
});

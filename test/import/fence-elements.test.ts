/** Fence devices and the methods of nodes. */
import { test } from "tap";
import { parseXml } from "../../src/config/text/xml.ts";
import { readCib } from "../../src/import/cib-conf.ts";
import type { ConfElement } from "../../src/import/conf-element.ts";
import { fenceElements } from "../../src/import/fence-elements.ts";

function shown({ name, attributes, children }: ConfElement): string {
  const pairs = attributes.map((one) => `${one.name}=${one.value}`);
  return [name, ...pairs, ...children.map((child) => `[${shown(child)}]`)].join(" ");
}

/** `devices`: agent and parameters of each. */
function fences(
  devices: readonly (readonly [string, Readonly<Record<string, string>>])[],
  more = "",
) {
  const primitives = devices.map(([agent, parameters], index) => {
    const pairs = Object.entries(parameters).map(
      ([name, value]) => `<nvpair name="${name}" value="${value}"/>`,
    );
    const set = `<instance_attributes>${pairs.join("")}</instance_attributes>`;
    return `<primitive id="f${index}" class="stonith" type="${agent}">${set}</primitive>`;
  });
  const parsed = parseXml(
    `<configuration><resources>${primitives.join("")}</resources>${more}</configuration>`,
  );
  const conf = parsed.ok ? readCib("f", parsed.value.root) : null;
  if (conf?.ok !== true) throw new Error("refused");
  const { devices: found, ofNode, remarks } = fenceElements(conf.value, ["a", "b"]);
  return {
    devices: found.map(shown),
    a: (ofNode.get("a") ?? []).map(shown),
    b: (ofNode.get("b") ?? []).map(shown),
    remarks: remarks.map(({ text }) => text),
  };
}

test("a device is used by the nodes of its list, with the port of its map", async (t) => {
  const { devices, a, b } = fences([
    ["fence_apc", { ip: "x", pcmk_host_map: "a:1;b:2" }],
    ["fence_ipmilan", { pcmk_host_list: "a" }],
  ]);
  t.same(devices, [
    "fencedevice name=f0 agent=fence_apc ip=x",
    "fencedevice name=f1 agent=fence_ipmilan",
  ]);
  t.same(a, ["fence [method name=f0 [device name=f0 port=1]] [method name=f1 [device name=f1]]"]);
  t.same(b, ["fence [method name=f0 [device name=f0 port=2]]"]);
});

test("without a list it fences any node by its name", async (t) => {
  t.same(fences([["fence_xvm", {}]]).b, ["fence [method name=f0 [device name=f0 port=b]]"]);
  t.same(fences([["fence_xvm", { pcmk_host_argument: "plug" }]]).b, [
    "fence [method name=f0 [device name=f0 plug=b]]",
  ]);
});

test("delays and actions are said in the method", async (t) => {
  const { a, b } = fences([
    ["fence_ipmilan", { pcmk_delay_base: "a:5s;b:0", pcmk_reboot_action: "off" }],
  ]);
  t.same(a, ["fence [method name=f0 [device name=f0 action=off delay=5]]"]);
  t.same(b, ["fence [method name=f0 [device name=f0 action=off]]"]);
});

test("devices of one level are off together before one is on", async (t) => {
  const level =
    '<fencing-topology><fencing-level target="a" index="1" devices="f0,f1"/></fencing-topology>';
  const { a } = fences(
    [
      ["fence_ipmilan", {}],
      ["fence_ipmilan", {}],
    ],
    level,
  );
  const uses = ["f0 action=off", "f1 action=off", "f0 action=on", "f1 action=on"];
  t.same(a, [`fence [method name=level-1 ${uses.map((one) => `[device name=${one}]`).join(" ")}]`]);
});

test("no node uses a device where fencing is switched off", async (t) => {
  const off =
    "<crm_config><cluster_property_set>" +
    '<nvpair name="stonith-enabled" value="false"/></cluster_property_set></crm_config>';
  const { a, devices, remarks } = fences([["fence_ipmilan", {}]], off);
  t.same([a, devices.length], [[], 1]);
  t.match(remarks, [/stonith-enabled=false/]);
});

test("plugins that are no fence agents are left out, the one for IPMI is translated", async (t) => {
  const { devices, remarks } = fences([
    ["external/ipmi", { hostname: "a", userid: "u", interface: "lanplus" }],
    ["meatware", { hostlist: "a" }],
  ]);
  t.same(devices, ["fencedevice name=f0 agent=fence_ipmilan username=u lanplus=1"]);
  t.match(remarks, [/f1 \(meatware\) is left out/]);
});

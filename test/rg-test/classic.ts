/**
 * The resource trees in the format and with the agents of March 2007, for comparison with what was
 * recorded then. The differences to the command of today are here; everything else is its code.
 */
import { parametersOf } from "../../src/config/agents/rgmanager-agents.ts";
import { type Occurrence, valueIn } from "../../src/tree-tool/forest.ts";
import { compareForests, type Marks } from "../../src/tree-tool/forest-delta.ts";
import {
  formatCalls,
  type Loaded,
  listOf,
  loadForest,
  type RgTestPorts,
} from "../../src/tree-tool/rg-test.ts";
import { ruleOf, sortedRules, type TreeRules } from "../../src/tree-tool/tree-rule.ts";
import { formatTrees, type TreeStyle } from "../../src/tree-tool/tree-text.ts";
import type { Action } from "../../src/tree-tool/tree-walk.ts";

const agents: readonly (readonly [string, number | null, string])[] = [
  ["service", 1, "name:pur domain autostart hardrecovery exclusive nfslock recovery depend"],
  ["script", null, "name:pu file:ur service_name<service%name"],
  ["ip", 1, "address:pu family monitor_link=1 nfslock<service%nfslock"],
  [
    "fs",
    1,
    "name:p mountpoint:ur device:ur fstype force_unmount self_fence nfslock<nfslock fsid " +
      "force_fsck options",
  ],
  [
    "clusterfs",
    null,
    "name:p mountpoint:ur device:ur fstype force_unmount options fsid nfslock<service%nfslock",
  ],
  ["nfsexport", null, "name:p device<device path<mountpoint fsid<fsid"],
  ["nfsclient", null, "name:pu target:r path<path fsid<fsid options allow_recover"],
];

export function classicRules(): TreeRules {
  return sortedRules(
    agents.map(([type, instancesMax, words]) =>
      ruleOf({ type, instancesMax, parameters: parametersOf(words), actions: [] }),
    ),
  );
}

/** `type%attribute` was looked for in the direct parent only. */
function classicValue(one: Occurrence, name: string): string | null {
  const attribute = one.resource.attributes.find((each) => each.parameter.name === name);
  if (attribute === undefined || !attribute.inherited) return valueIn(one, name);
  const { inherit } = attribute.parameter;
  if (inherit === undefined || one.parent === null) return null;
  if (inherit.type !== null && one.parent.type !== inherit.type) return null;
  return classicValue(one.parent, inherit.attribute);
}

/** What has no value was not printed, but its indentation was. */
function classicStyle(marks: Marks): TreeStyle {
  return {
    opening: (one) => {
      const asked: readonly string[] = marks.get(one) ?? [];
      const flags = ["NEEDSTOP", "NEEDSTART"].filter((mark) => asked.includes(mark));
      return flags.length === 0 ? one.type : `${one.type} [ ${flags.join(" ")} ]`;
    },
    attribute: (one, name) => {
      const value = classicValue(one, name);
      return value === null ? "" : `${name} = "${value}";\n`;
    },
  };
}

const actions: readonly Action[] = ["start", "stop", "status"];

/** The exit status was 0 after every subcommand; what is no subcommand is not expected here. */
export async function classicRgTest(words: readonly string[], ports: RgTestPorts): Promise<void> {
  const rules = classicRules();
  const [command, first = "", second = "", type = "", key = ""] = words;
  const load = async (path: string): Promise<Loaded> => {
    const loaded = await loadForest(path, rules, ports);
    if (!loaded.ok) throw new Error(`${path}: ${loaded.problem}`);
    return loaded.value;
  };
  const old = await load(first);
  const action = actions.find((each) => each === second);
  if (command === "test") {
    ports.out(listOf("Resources List", old, new Map()));
    ports.out(formatTrees("Resource Tree", old.forest.trees, classicStyle(new Map())));
  } else if (command === "noop" && action !== undefined) {
    ports.out(formatCalls({ action, type, key, target: "" }, old, rules));
  } else if (command === "delta") {
    const fresh = await load(second);
    const marks = compareForests(old, fresh);
    ports.out(listOf("Old Resource List", old, marks));
    ports.out(listOf("New Resource List", fresh, marks));
    ports.out(formatTrees("Old Resource Tree", old.forest.trees, classicStyle(marks)));
    ports.out(formatTrees("New Resource Tree", fresh.forest.trees, classicStyle(marks)));
  } else throw new Error(`unknown: ${words.join(" ")}`);
}

/** IMPORT1: what the reader of cluster.conf refuses is taken out, with its reason. */
import { test } from "tap";
import { type ConfElement, confAttribute, confElement } from "../../src/import/conf-element.ts";
import { judgeConf } from "../../src/import/judged-conf.ts";

const at = { file: "source", line: 3 };

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly ConfElement[] = [],
): ConfElement {
  const written = Object.entries(attributes).map(([key, value]) => confAttribute(key, value, at));
  return confElement(name, at, { attributes: written, children });
}

const nodes = element("clusternodes", {}, [element("clusternode", { name: "a", nodeid: "1" })]);
const cluster = (...children: readonly ConfElement[]) =>
  element("cluster", { name: "c", config_version: "1" }, [nodes, ...children]);

test("a wrong value goes, the element stays, and a comment says why", async (t) => {
  const judged = judgeConf(cluster(element("totem", { token: "many", join: "60" })), []);
  if (!judged.ok) return t.fail("refused");
  t.match(judged.value.text, /<totem join="60"\/>/);
  return t.match(judged.value.text, /source:3: left out: token="many": "many" is not an integer/);
});

test("a definition that cannot be goes, and what refers to it", async (t) => {
  const script = element("script", { name: "x", file: "relative" });
  const rm = element("rm", {}, [
    element("resources", {}, [script]),
    element("service", { name: "s" }, [element("script", { ref: "x" })]),
  ]);
  const judged = judgeConf(cluster(rm), []);
  if (!judged.ok) return t.fail("refused");
  t.match(judged.value.text, /<resources\/>/);
  return t.match(judged.value.text, /<service name="s"\/>/);
});

test("without a name or a node there is no cluster: a refusal with the place", async (t) => {
  const nameless = element("clusternodes", {}, [element("clusternode", { name: "", nodeid: "1" })]);
  const root = element("cluster", { name: "c", config_version: "1" }, [nameless]);
  const judged = judgeConf(root, []);
  t.match(judged.ok ? [] : judged.problem, [{ file: "source", line: 3, severity: "error" }]);
});

test("a secret that is taken out is not shown", async (t) => {
  const device = element("fencedevice", { name: "f", agent: "not a program", passwd: "hidden" });
  const judged = judgeConf(cluster(element("fencedevices", {}, [device, device])), []);
  t.notMatch(judged.ok ? judged.value.text : "", /hidden.*left out|left out.*hidden/);
});

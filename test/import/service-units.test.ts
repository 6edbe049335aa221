/** Which resources form one service, and what becomes of the other constraints. */
import { test } from "tap";
import { parseXml } from "../../src/config/text/xml.ts";
import { readCib } from "../../src/import/cib-conf.ts";
import type { Clone } from "../../src/import/pacemaker-conf.ts";
import { type ServiceUnit, unitsOf } from "../../src/import/service-units.ts";

/** Primitives of the given names and a promotable clone `ms` of `m`; a `<constraints>`. */
function units(names: string, constraints: string) {
  const primitives = names
    .split(" ")
    .map((id) => `<primitive id="${id}" class="lsb" type="${id}"/>`);
  const clone = '<master id="ms"><primitive id="m" class="lsb" type="m"/></master>';
  const resources = `<resources>${primitives.join("")}${clone}</resources>`;
  const rules = `<constraints>${constraints}</constraints>`;
  const text = `<configuration>${resources}${rules}</configuration>`;
  const parsed = parseXml(text);
  const conf = parsed.ok ? readCib("f", parsed.value.root) : null;
  if (conf?.ok !== true) throw new Error("refused");
  const { units: found, dependencies, remarks } = unitsOf(conf.value);
  return {
    found: found.map(({ members }) => members.map(({ id }) => id).join(" ")),
    depends: dependencies.map(({ from, on }) => `${nameOf(from)} on ${nameOf(on)}`),
    remarks: remarks.map(({ text: one }) => one),
    lacking: found.flatMap(({ lacks, name }) => (lacks === null ? [] : [name])),
  };
}

const nameOf = (one: ServiceUnit | Clone) => ("name" in one ? one.name : one.id);

const order = (first: string, then: string, more = "") =>
  `<rsc_order id="o-${first}-${then}" first="${first}" then="${then}" ${more}/>`;
const together = (one: string, other: string, score = "INFINITY") =>
  `<rsc_colocation id="c-${one}-${other}" rsc="${one}" with-rsc="${other}" score="${score}"/>`;

test("order and colocation of the same resources are one service in that order", async (t) => {
  const { found, remarks } = units(
    "c b a",
    `${order("a", "b")}${order("b", "c")}${together("b", "a")}${together("c", "b")}`,
  );
  t.same(found, ["a b c"]);
  t.same(remarks, []);
});

test("colocation alone is one service as well, with a remark on its order", async (t) => {
  const { found, remarks } = units("a b", together("a", "b"));
  t.same(found, ["b a"]);
  t.match(remarks, [/a must be on the node of b/]);
});

test("order alone is a dependency of services", async (t) => {
  const { found, depends, remarks } = units("a b", order("a", "b"));
  t.same([found, depends, remarks], [["a", "b"], ["b on a"], []]);
});

test("what is only preferred or optional is said to be lost", async (t) => {
  const optional = order("a", "b", 'kind="Optional"');
  const written = `${together("a", "b", "100")}${optional}${together("a", "b", "-INFINITY")}`;
  const { found, depends, remarks } = units("a b", written);
  t.same([found, depends], [["a", "b"], []]);
  t.equal(remarks.length, 3);
});

test("the stop order that mirrors a start order goes without saying", async (t) => {
  const stop = order("b", "a", 'first-action="stop" then-action="stop"');
  t.same(units("a b", `${order("a", "b")}${stop}`).remarks, []);
  t.match(units("a b", stop).remarks, [/about the action stop/]);
});

test("a circle of orders is said and harmless", async (t) => {
  const circle = `${order("a", "b")}${order("b", "a")}${together("a", "b")}`;
  const { found, remarks } = units("a b", circle);
  t.same(found, ["a b"]);
  t.match(remarks, [/form a circle/]);
});

test("what needs a promotable clone lacks it", async (t) => {
  t.same(units("a b", together("a", "ms")).lacking, ["a"]);
  t.same(units("a b", order("ms", "b", 'first-action="promote"')).lacking, ["b"]);
  t.same(units("a b", order("a", "ms")).lacking, []);
});

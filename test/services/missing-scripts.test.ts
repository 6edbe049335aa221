import { test } from "tap";
import type { FailoverDomainConf } from "../../src/model/conf.ts";
import { missingScript } from "../../src/services/tree/missing-scripts.ts";
import { id } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";

const absent = new Map([
  ["/etc/init.d/new", "ENOENT"],
  ["/etc/init.d/old", "ENOENT"],
]);

function services(
  parts: Readonly<Record<string, readonly string[]>>,
  domain: string | null = null,
  domains: readonly FailoverDomainConf[] = [],
) {
  const all = Object.entries(parts).map(([name, scripts]) =>
    sampleService(
      name,
      scripts.map((one) => script(one)),
      { domain },
    ),
  );
  return { ...sampleConf().services, domains, services: all };
}

test("a change is refused that stops a service for a script that is missing here", async (t) => {
  const old = services({ web: ["old"], mail: ["old"] });
  const ask = (next: ReturnType<typeof services>, causes = absent) =>
    missingScript({ old, next }, id(1), causes);
  const text = "service:web would be stopped, and /etc/init.d/new cannot be run here: ENOENT";
  t.equal(ask(services({ web: ["old", "new"], mail: ["old"] })), text);
  t.equal(ask(services({ web: ["new"], mail: ["old"] })), text);
  t.equal(ask(services({ web: ["old", "new"], mail: ["old"] }), new Map()), null, "it is here");
  t.equal(ask(services({ web: [], mail: ["old"] })), null, "the old one was missing already");
  t.equal(ask(services({ web: ["old"], mail: ["old"], extra: ["new"] })), null, "stops nothing");
});

test("a node that may not run the service accepts the change", async (t) => {
  const domain = {
    name: "others",
    ordered: false,
    restricted: true,
    nofailback: false,
    nodes: [{ node: id(2), priority: null }],
  };
  const old = services({ web: ["old"] }, "others", [domain]);
  const next = services({ web: ["new"] }, "others", [domain]);
  t.equal(missingScript({ old, next }, id(1), absent), null);
  t.match(missingScript({ old, next }, id(2), absent), /service:web would be stopped/);
  const open = services({ web: ["new"] }, "others", [{ ...domain, restricted: false }]);
  t.match(missingScript({ old, next: open }, id(1), absent), /service:web would be stopped/);
});

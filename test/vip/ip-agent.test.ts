/** The ip resource: which orders follow each other, and what each outcome means. */
import { type Test, test } from "tap";
import type { AgentReport, InterfaceReport } from "../../src/model/agent-orders.ts";
import {
  checkAddress,
  claimForAgent,
  dropAddress,
  type IpSettings,
  ipSettings,
  permitForAgent,
  startAddress,
  stopAddress,
} from "../../src/vip/ip-agent.ts";
import { done, walkCall } from "../services/agent-driver.ts";

function settings(attributes: Readonly<Record<string, string>>): IpSettings {
  const parsed = ipSettings(new Map(Object.entries(attributes)));
  if (parsed === null) throw new Error("no address");
  return parsed;
}

const ip = settings({ address: "10.0.0.5", sleeptime: "0", disable_rdisc: "1" });

function listing(
  addresses: readonly string[] = [],
  rest: Partial<InterfaceReport> = {},
): Extract<AgentReport, { readonly type: "interfaces" }> {
  const own = ["10.0.0.1", ...addresses].map((address) => {
    return { address, prefix: 24, family: "ipv4" as const, ours: address !== "10.0.0.1" };
  });
  const eth0 = { name: "eth0", up: true, carrier: true, slave: false, addresses: own, ...rest };
  return { type: "interfaces", interfaces: [eth0], contested: [] };
}

const failed: AgentReport = { type: "failed", cause: "EPERM" };
const on = "10.0.0.5/24 on eth0";

test("the settings of the resource and their defaults", async (t) => {
  t.match(settings({ address: "10.0.0.5/24" }), {
    address: "10.0.0.5",
    prefix: 24,
    family: "ipv4",
    monitorLink: true,
    sleepSeconds: 10,
  });
  t.equal(settings({ address: "fd00::5" }).family, "ipv6");
  const monitors = ["yes", "1", "on", "no", "NO", "0"].map(
    (text) => settings({ address: "10.0.0.5", monitor_link: text }).monitorLink,
  );
  t.same(monitors, [true, true, true, false, false, false]);
  t.equal(settings({ address: "10.0.0.5", sleeptime: "3" }).sleepSeconds, 3);
  t.equal(settings({ address: "10.0.0.5", sleeptime: "soon" }).sleepSeconds, 10);
  t.equal(ipSettings(new Map()), null);
});

test("resource case 28: start looks, probes, adds, announces", async (t) => {
  const { orders, verdict } = walkCall(startAddress(ip, true), [listing(), done, done, done, done]);
  t.same(orders, ["list", `probe ${on}`, "claim 10.0.0.5", `add ${on}`, `announce ${on}`]);
  t.same(verdict, { code: 0, text: "10.0.0.5/24 on eth0" });
});

test("ADDRESS2: what no other node can have is added at once and probed meanwhile", async (t) => {
  const { orders, verdict } = walkCall(startAddress(ip, false), [
    listing(),
    done,
    done,
    done,
    done,
  ]);
  const aside = `probe-aside ${on}`;
  t.same(orders, ["list", "claim 10.0.0.5", `add ${on}`, `announce ${on}`, aside]);
  t.same(verdict, { code: 0, text: "10.0.0.5/24 on eth0" });
});

test("ADDRESS2: an address for which another host has answered fails its check", async (t) => {
  const contested = [{ address: "10.0.0.5", mac: "52:54:00:12:34:56" }];
  const checked = walkCall(checkAddress(ip, 0), [{ ...listing(["10.0.0.5"]), contested }]);
  const text = "10.0.0.5 on eth0 is in use by 52:54:00:12:34:56, too";
  t.same(checked.verdict, { code: 1, text });
  const again = walkCall(startAddress(ip, false), [
    { ...listing(), contested },
    done,
    done,
    done,
    done,
  ]);
  t.equal(again.orders[1], `probe ${on}`, "and is probed before it is put up again");
  const others = [{ address: "10.0.0.6", mac: "52:54:00:12:34:56" }];
  const other = walkCall(checkAddress(ip, 0), [{ ...listing(["10.0.0.5"]), contested: others }]);
  t.equal(other.verdict.code, 0, "that of another address does not matter");
});

test("start of what is here already: announced again, nothing probed", async (t) => {
  const { orders, verdict } = walkCall(startAddress(ip, true), [listing(["10.0.0.5"]), done, done]);
  t.same(orders, ["list", "claim 10.0.0.5", `announce ${on}`]);
  t.equal(verdict.code, 0);
});

test("ADDRESS1: an address that is not remembered is not put up", async (t) => {
  const { orders, verdict } = walkCall(startAddress(ip, true), [listing(), done, failed]);
  t.same(orders, ["list", `probe ${on}`, "claim 10.0.0.5"]);
  t.same(verdict, { code: 1, text: "cannot remember 10.0.0.5: EPERM" });
  const here = walkCall(startAddress(ip, true), [listing(["10.0.0.5"]), failed]);
  t.same(here.verdict, { code: 1, text: "cannot remember 10.0.0.5: EPERM" });
});

test("ADDRESS1: what somebody else has put up is neither adopted nor removed", async (t) => {
  const own = settings({ address: "10.0.0.1", sleeptime: "0" });
  const started = walkCall(startAddress(own, true), [listing()]);
  t.same(started.orders, ["list"]);
  t.match(started.verdict, {
    code: 1,
    text: /^10\.0\.0\.1 is on eth0, and clusterd .*; run "ip addr del 10\.0\.0\.1\/24 dev eth0"/,
  });
  for (const call of [stopAddress(own), dropAddress(own)]) {
    t.same(walkCall(call, [listing()]), { orders: ["list"], verdict: { code: 0, text: "" } });
  }
});

test("other agents put up what is claimed, and take off what is clusterd's", async (t) => {
  const own = settings({ address: "10.0.0.1" });
  t.same(walkCall(claimForAgent(ip), [listing(), done]).orders, ["list", "claim 10.0.0.5"]);
  t.equal(walkCall(claimForAgent(ip), [listing(), failed]).verdict.code, 1);
  t.equal(walkCall(claimForAgent(ip), [failed]).verdict.code, 1);
  t.match(walkCall(claimForAgent(own), [listing()]).verdict, { code: 1, text: /ip addr del/ });
  t.equal(walkCall(permitForAgent(ip), [listing(["10.0.0.5"])]).verdict.code, 0);
  t.equal(walkCall(permitForAgent(ip), [listing()]).verdict.code, 0);
  t.equal(walkCall(permitForAgent(own), [listing()]).verdict.code, 5);
  t.equal(walkCall(permitForAgent(ip), [failed]).verdict.code, 1);
});

test("resource case 29: an address that somebody else has is not added, who is said", async (t) => {
  const taken: AgentReport = { type: "taken", mac: "52:54:00:12:34:56" };
  const { orders, verdict } = walkCall(startAddress(ip, true), [listing(), taken]);
  t.same(orders, ["list", `probe ${on}`]);
  t.same(verdict, { code: 1, text: "10.0.0.5 is in use by 52:54:00:12:34:56 on eth0" });
});

test("resource case 28: start without an interface that fits explains each of them", async (t) => {
  const other = settings({ address: "192.0.2.5" });
  const { orders, verdict } = walkCall(startAddress(other, true), [listing()]);
  t.same(orders, ["list"]);
  t.same(verdict, {
    code: 1,
    text: "no interface can carry 192.0.2.5: eth0 (10.0.0.1/24): other subnet",
  });
});

test("start without link fails only when the link is monitored", async (t) => {
  const dead = listing([], { carrier: false });
  t.match(walkCall(startAddress(ip, true), [dead]).verdict, { code: 1, text: /eth0: no link/ });
  const careless = settings({ address: "10.0.0.5", monitor_link: "no", disable_rdisc: "1" });
  t.equal(walkCall(startAddress(careless, true), [dead, done, done, done, done]).verdict.code, 0);
});

test("start: a probe that cannot be made holds nothing up, an add that fails does", async (t) => {
  t.equal(walkCall(startAddress(ip, true), [listing(), failed, done, done, done]).verdict.code, 0);
  const refused = walkCall(startAddress(ip, true), [listing(), done, done, failed]);
  t.same(refused.verdict, { code: 1, text: "cannot add 10.0.0.5: EPERM" });
});

test("stop: remove, look again, and wait as long as it is configured", async (t) => {
  const gone = walkCall(stopAddress(ip), [listing(["10.0.0.5"]), done, listing(), done]);
  t.same(gone.orders, ["list", `remove ${on}`, "list", "release 10.0.0.5"]);
  t.same(gone.verdict, { code: 0, text: "10.0.0.5 removed from eth0" });
  const slow = settings({ address: "10.0.0.5" });
  const waited = walkCall(stopAddress(slow), [listing(["10.0.0.5"]), done, listing(), done, done]);
  t.equal(waited.orders.at(-1), "pause 10000 ms");
});

test("stop of what is not here is good at once", async (t) => {
  const slow = settings({ address: "10.0.0.5" });
  const { orders, verdict } = walkCall(stopAddress(slow), [listing()]);
  t.same(orders, ["list"]);
  t.equal(verdict.code, 0);
});

test("stop fails when the address stays, or cannot be seen", async (t) => {
  const here = listing(["10.0.0.5"]);
  const cases: readonly (readonly AgentReport[])[] = [
    [here, done, here],
    [here, failed],
    [here, done, failed],
    [failed],
  ];
  for (const reports of cases) t.equal(walkCall(stopAddress(ip), reports).verdict.code, 1);
});

test("a removal in a hurry does not wait", async (t) => {
  const slow = settings({ address: "10.0.0.5" });
  const { orders } = walkCall(dropAddress(slow), [listing(["10.0.0.5"]), done, listing(), done]);
  t.equal(orders.at(-1), "release 10.0.0.5");
});

function status(t: Test, of: IpSettings, report: AgentReport): readonly [number, string] {
  const { orders, verdict } = walkCall(checkAddress(of, 0), [report]);
  t.same(orders, ["list"]);
  return [verdict.code, verdict.text];
}

test("status: configured, up, and with link", async (t) => {
  const here = ["10.0.0.5"];
  t.same(status(t, ip, listing(here)), [0, ""]);
  t.same(status(t, ip, listing()), [7, "10.0.0.5 is not configured"]);
  t.same(status(t, ip, listing(here, { up: false })), [2, "eth0 is down"]);
  t.same(status(t, ip, listing(here, { carrier: false })), [7, "no link on eth0"]);
  const careless = settings({ address: "10.0.0.5", monitor_link: "0" });
  t.same(status(t, careless, listing(here, { carrier: false })), [0, ""]);
  t.equal(status(t, ip, failed)[0], 1);
});

test("an IPv6 address is found in whatever form the system shows it", async (t) => {
  const six = settings({ address: "FD00:0:0::5" });
  const addresses = [{ address: "fd00::5", prefix: 64, family: "ipv6" as const, ours: true }];
  t.same(status(t, six, listing([], { addresses })), [0, ""]);
});

test("start tells a router discovery daemon, and clients of NFS if asked to", async (t) => {
  const asides = (attributes: Readonly<Record<string, string>>, count: number) => {
    const reports = [listing(), ...Array<AgentReport>(4 + count).fill(done)];
    const of = settings({ address: "10.0.0.5", ...attributes });
    return walkCall(startAddress(of, true), reports).orders.slice(5);
  };
  t.match(asides({}, 1), [/^aside .*pkill -HUP -x rdisc \|\| rdisc -fs$/]);
  t.same(asides({ disable_rdisc: "yes" }, 0), []);
  t.same(asides({ disable_rdisc: "1", nfslock: "1" }, 1), ["aside 10.0.0.5"]);
});

test("from depth 10 on the address must answer", async (t) => {
  const at = (depth: number, ...reports: readonly AgentReport[]) =>
    walkCall(checkAddress(ip, depth), [listing(["10.0.0.5"]), ...reports]);
  t.same(at(0).orders, ["list"]);
  const asked = at(10, done);
  t.same(asked.orders, ["list", `ask ${on}`]);
  t.equal(asked.verdict.code, 0);
  t.same(at(10, { type: "failed", cause: "no answer to a ping" }).verdict, {
    code: 7,
    text: "10.0.0.5 on eth0: no answer to a ping",
  });
});

test("EXHAUSTION1: an address that could not be looked at is neither there nor gone", async (t) => {
  const noRoom: AgentReport = { type: "failed", cause: "spawn ip EMFILE" };
  const check = walkCall(checkAddress(ip, 0), [noRoom, done, listing(["10.0.0.5"])]);
  t.same(check.orders, ["list", "pause 500 ms", "list"]);
  t.equal(check.verdict.code, 0);
  const stop = walkCall(stopAddress(ip, "unlimited"), [noRoom, done, listing()]);
  t.equal(stop.verdict.code, 0, "a stop goes on until it is done");
  t.equal(walkCall(stopAddress(ip, "short"), [noRoom]).verdict.code, 1, "a clean-up kills instead");
  const tries = Array.from({ length: 5 }, () => [noRoom, done]).flat();
  const start = walkCall(startAddress(ip, true), [...tries, noRoom]);
  t.match(start.verdict, { code: 1, untried: true }, "another node may have room");
});

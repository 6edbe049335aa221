import { test } from "tap";
import { RingLink } from "../../src/daemon/ring-link.ts";
import type { LinkEvent, NetworkInterface } from "../../src/io/network-ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { accept } from "../../src/model/outcome.ts";

const ringAddress = "10.0.0.1";
const ringCard: NetworkInterface = {
  name: "eth0",
  index: 2,
  mac: "02:00:00:00:00:01",
  up: true,
  carrier: true,
  operstate: "up",
  loopback: false,
  mtuBytes: 1500,
  slave: false,
  addresses: [
    { address: ringAddress, prefix: 24, family: "ipv4", detection: "done", marked: false },
  ],
};

function link(changes: Partial<Extract<LinkEvent, { type: "link" }>> = {}): LinkEvent {
  return { type: "link", interface: "eth0", up: true, carrier: true, gone: false, ...changes };
}

function address(text: string, gone: boolean): LinkEvent {
  return { type: "address", interface: "eth0", address: text, prefix: 24, gone };
}

class Stage {
  interfaces: readonly NetworkInterface[] = [ringCard];
  readonly announced: AddressOrder[] = [];
  readonly changes: boolean[] = [];
  readonly warnings: string[] = [];
  stopped = 0;
  readonly link = new RingLink({
    network: {
      interfaces: async () => accept(this.interfaces),
      announce: (order) => {
        this.announced.push(order);
        return () => {
          this.stopped += 1;
        };
      },
    },
    address: ringAddress,
    netmtuBytes: 1500,
    onChange: (up) => this.changes.push(up),
    warn: (text) => this.warnings.push(text),
  });
}

test("an address that comes back is announced, and the earlier announcement ends", async (t) => {
  const stage = new Stage();
  await stage.link.onEvent({ type: "resync" });
  t.same([stage.announced, stage.changes], [[], []], "nothing has changed");
  stage.interfaces = [];
  await stage.link.onEvent(address(ringAddress, true));
  stage.interfaces = [{ ...ringCard, carrier: false }];
  await stage.link.onEvent(address(ringAddress, false));
  t.same(stage.announced, [], "not before there is a link");
  stage.interfaces = [ringCard];
  await stage.link.onEvent(link());
  const order = { interface: "eth0", address: ringAddress, prefix: 24, family: "ipv4" };
  t.same(stage.announced, [order]);
  t.same(stage.changes, [false, true, true]);
  stage.interfaces = [{ ...ringCard, carrier: false }];
  await stage.link.onEvent(link({ carrier: false }));
  stage.interfaces = [ringCard];
  await stage.link.onEvent(link());
  t.same(stage.announced, [order, order]);
  t.equal(stage.stopped, 1);
  stage.link.stop();
  t.equal(stage.stopped, 2);
});

test("other addresses and links without the ring's address change nothing", async (t) => {
  const stage = new Stage();
  await stage.link.onEvent(address("10.0.0.9", true));
  await stage.link.onEvent(address("10.0.0.9", false));
  stage.interfaces = [{ ...ringCard, addresses: [] }];
  await stage.link.onEvent(link());
  t.same([stage.announced, stage.changes, stage.warnings], [[], [], []]);
});

test("an MTU below netmtu is warned of once for each value, also at the start", async (t) => {
  const stage = new Stage();
  const warned = async (mtuBytes: number | null): Promise<number> => {
    stage.interfaces = [{ ...ringCard, mtuBytes }];
    await stage.link.onEvent({ type: "resync" });
    return stage.warnings.length;
  };
  t.equal(await warned(1500), 0);
  t.equal(await warned(null), 0);
  t.equal(await warned(1400), 1);
  t.equal(await warned(1400), 1);
  t.match(stage.warnings[0], /^eth0 has an MTU of 1400 bytes, netmtu is 1500: .*netmtu="1400"/);
  t.equal(await warned(9000), 1);
  t.equal(await warned(1280), 2);
});

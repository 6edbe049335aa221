/** What the performer and the watch of the links rely on of a `Network`, besides its addresses. */
import { isDeepStrictEqual } from "node:util";
import { test } from "tap";
import type { LinkEvent, Network } from "../../src/io/network-ports.ts";
import type { AddressOrder } from "../../src/model/agent-orders.ts";
import { until } from "./waiting.ts";

export type NetworkStage = {
  readonly network: Network;
  /** On an interface with a link. */
  readonly order: AddressOrder;
  readonly setCarrier: (carrier: boolean) => void;
};

export function networkContract(name: string, make: () => NetworkStage | Promise<NetworkStage>) {
  test(`${name}: a watch tells of addresses and of the link, until it is stopped`, async (t) => {
    const { network, order, setCarrier } = await make();
    const events: LinkEvent[] = [];
    const stop = network.watch((event) => events.push(event));
    t.same(events, [], "not within the call");
    await until("it begins with a look at everything", () => events.length > 0);
    t.same(events[0], { type: "resync" });
    const { interface: link, address, prefix } = order;
    const told = { type: "address", interface: link, address, prefix } as const;
    await network.addAddress(order);
    await until("the address has come", () => includes(events, { ...told, gone: false }));
    await network.removeAddress(order);
    await until("the address is gone", () => includes(events, { ...told, gone: true }));
    const state = { type: "link", interface: link, up: true, gone: false } as const;
    setCarrier(false);
    await until("the carrier is lost", () => includes(events, { ...state, carrier: false }));
    events.length = 0;
    setCarrier(true);
    await until("the carrier is back", () => includes(events, { ...state, carrier: true }));
    stop();
    stop();
    events.length = 0;
    await network.addAddress(order);
    await network.removeAddress(order);
    t.same(events, []);
  });

  test(`${name}: the loss of the link shows in a listing`, async (t) => {
    const { network, order, setCarrier } = await make();
    const carrier = async () => {
      const listed = await network.interfaces();
      if (!listed.ok) throw new Error(listed.problem);
      return listed.value.find((one) => one.name === order.interface)?.carrier;
    };
    await until("the link is up", async () => (await carrier()) === true);
    setCarrier(false);
    await until("the link is down", async () => (await carrier()) === false);
    setCarrier(true);
    await until("the link is up again", async () => (await carrier()) === true);
    t.pass("both were seen");
  });

  test(`${name}: an address that nobody has is free, and an announcement ends`, async (t) => {
    const { network, order } = await make();
    t.same(await network.probe(order), { type: "free" });
    await network.addAddress(order);
    const stop = network.announce(order);
    stop();
    stop();
    t.same(await network.removeAddress(order), { type: "removed" });
  });
}

function includes(events: readonly LinkEvent[], wanted: LinkEvent): boolean {
  return events.some((event) => isDeepStrictEqual(event, wanted));
}

/**
 * What the ring's driver relies on in a transport, held against the sockets and against the
 * simulated network.
 */
import { test } from "tap";
import type { Transport } from "../../src/io/ports.ts";

export type HeardDatagram = {
  readonly text: string;
  readonly from: string;
  readonly byGroup: boolean;
};

export type TransportStation = {
  readonly transport: Transport;
  readonly address: string;
  readonly heard: readonly HeardDatagram[];
};

export type TransportBench = {
  readonly stations: readonly [TransportStation, TransportStation, TransportStation];
  readonly until: (what: string, condition: () => boolean) => Promise<void>;
  /** A multicast is one packet to a group, not a copy for each node. */
  readonly group: boolean;
};

function frame(...parts: readonly string[]): readonly Uint8Array[] {
  return parts.map((part) => Buffer.from(part));
}

export function transportContract(name: string, open: () => Promise<TransportBench>): void {
  const opened = async () => {
    const { stations, ...rest } = await open();
    const [one, two, three] = stations;
    const close = async () => {
      for (const { transport } of stations) await transport.close();
    };
    return { one, two, three, close, ...rest };
  };

  test(`${name}: a multicast reaches all others whole, and says who has sent it`, async (t) => {
    const { one, two, three, until, group, close } = await opened();
    one.transport.multicast(frame("head", "body", "tag"));
    one.transport.flush();
    for (const { heard } of [two, three]) {
      await until("the multicast arrives", () => heard.length > 0);
      t.match(heard, [{ text: "headbodytag", from: one.address }]);
      if (group) t.match(heard, [{ byGroup: true }]);
    }
    await close();
  });

  test(`${name}: a unicast reaches its receiver only`, async (t) => {
    const { one, two, three, until, close } = await opened();
    one.transport.unicast(three.address, frame("token"));
    two.transport.unicast(three.address, frame("to", "ken"));
    await until("both arrive", () => three.heard.length === 2);
    t.same(three.heard.map(({ from }) => from).sort(), [one.address, two.address]);
    t.match(three.heard, [
      { text: "token", byGroup: false },
      { text: "token", byGroup: false },
    ]);
    t.same(two.heard, []);
    await close();
  });

  test(`${name}: what was multicast comes before the unicast after it`, async (t) => {
    const { one, two, three, until, close } = await opened();
    const texts = Array.from({ length: 60 }, (_, index) => `${index}`.padStart(1000, "."));
    for (const text of texts) one.transport.multicast(frame(text));
    one.transport.unicast(two.address, frame("token"));
    const all = texts.join("");
    const bytes = ({ heard }: TransportStation): string =>
      heard
        .map(({ text }) => text)
        .filter((text) => text !== "token")
        .join("");
    for (const station of [two, three]) {
      await until("all have arrived", () => bytes(station).length === all.length);
      t.equal(bytes(station), all, "in their order");
    }
    await until("so has the token", () => two.heard.some(({ text }) => text === "token"));
    t.notOk(three.heard.some(({ text }) => text === "token"));
    await close();
  });

  test(`${name}: who has closed hears and sends nothing`, async (t) => {
    const { one, two, three, until, close } = await opened();
    await three.transport.close();
    const before = three.heard.length;
    one.transport.multicast(frame("after the end"));
    one.transport.flush();
    await until("the others hear it", () => two.heard.length > 0);
    t.equal(three.heard.length, before);
    await close();
  });
}

import { test } from "tap";
import {
  isLocalAddress,
  UdpTransport,
  type UdpTransportOptions,
} from "../../src/io/network/udp-transport.ts";
import type { SystemCalls } from "../../src/io/system-calls.ts";
import { type HeardDatagram, transportContract } from "./transport.contract.ts";
import { transportModes } from "./transport-modes.ts";
import { until } from "./waiting.ts";

const group = "239.192.6.148";
const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"] as const;

type Station = { readonly transport: UdpTransport; readonly received: HeardDatagram[] };

/** Far from the default port, and different in each test process. */
let port = 20_000 + (process.pid % 10_000) * 4;

function delivery(type: "udp" | "udpu"): UdpTransportOptions["delivery"] {
  return type === "udp" ? { type, group, ttl: 1, peerIsLocal: true } : { type, addresses };
}

async function station(
  ownAddress: string,
  type: "udp" | "udpu",
  calls: SystemCalls | null = null,
): Promise<Station> {
  const options = { ownAddress, port, delivery: delivery(type) };
  const transport = new UdpTransport(options, calls);
  const received: HeardDatagram[] = [];
  const opened = await transport.open((bytes, from, byGroup) => {
    received.push({ text: Buffer.from(bytes).toString(), from, byGroup });
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problem));
  return { transport, received };
}

function frame(...parts: readonly string[]): readonly Uint8Array[] {
  return parts.map((part) => Buffer.from(part));
}

for (const [mode, calls] of transportModes) {
  for (const type of ["udp", "udpu"] as const) {
    const stations = (): Promise<readonly Station[]> => {
      port += 1;
      return Promise.all(addresses.map((address) => station(address, type, calls)));
    };

    transportContract(`${type} ${mode}`, async () => {
      port += 1;
      const bench = async (address: string) => {
        const { transport, received: heard } = await station(address, type, calls);
        return { transport, address, heard };
      };
      const [one, two, three] = addresses;
      const stations = [await bench(one), await bench(two), await bench(three)] as const;
      return { stations, until, group: type === "udp" };
    });

    test(`${type} ${mode}: what was multicast comes before the unicast after it`, async (t) => {
      const all = await stations();
      const texts = Array.from({ length: 90 }, (_, index) => `${index}`.padStart(1000, "."));
      for (const text of texts) all[0]?.transport.multicast(frame(text));
      all[0]?.transport.multicast(frame("the last is shorter"));
      all[0]?.transport.unicast("127.0.0.2", frame("token"));
      const whole = `${texts.join("")}the last is shorter`;
      const bytes = (one: Station | undefined): string =>
        (one?.received ?? [])
          .map(({ text }) => text)
          .filter((text) => text !== "token")
          .join("");
      for (const one of all.slice(1)) {
        await until("all have arrived", () => bytes(one).length === whole.length);
        t.equal(bytes(one), whole);
      }
      await until("so has the token", () =>
        (all[1]?.received ?? []).some(({ text }) => text === "token"),
      );
      t.match(all[0]?.transport.counters(), {
        "frames-sent": type === "udp" ? 92 : 2 * 91 + 1,
        "bytes-sent": type === "udp" ? 90_024 : 2 * 90_019 + 5,
      });
      await Promise.all(all.map(({ transport }) => transport.close()));
    });
  }

  test(`${mode}: a port that is taken stays with the first`, async (t) => {
    port += 1;
    const first = await station("127.0.0.1", "udpu", calls);
    for (const [, others] of transportModes) {
      const options = { ownAddress: "127.0.0.1", port, delivery: delivery("udpu") };
      const second = new UdpTransport(options, others);
      t.same(await second.open(() => t.fail("no datagrams")), {
        ok: false,
        problem: { type: "port-taken", address: "127.0.0.1", port },
      });
      await second.close();
    }
    const options = { ownAddress: "192.0.2.77", port, delivery: delivery("udpu") };
    const absent = new UdpTransport(options, calls);
    t.same(await absent.open(() => t.fail("no datagrams")), {
      ok: false,
      problem: { type: "address-absent", address: "192.0.2.77" },
    });
    await absent.close();
    await first.transport.close();
  });

  test(`${mode}: IPv6 works alike`, async (t) => {
    port += 1;
    const loop = { type: "udpu", addresses: ["::1"] } as const;
    const transport = new UdpTransport({ ownAddress: "::1", port, delivery: loop }, calls);
    const texts: string[] = [];
    const opened = await transport.open((bytes, from) => {
      texts.push(`${Buffer.from(bytes)} from ${from}`);
    });
    if (!opened.ok) {
      t.pass(`no IPv6 here: ${JSON.stringify(opened.problem)}`);
      return;
    }
    transport.unicast("::1", frame("to", " myself"));
    await until("it arrives", () => texts.length > 0);
    t.same(texts, ["to myself from ::1"]);
    await transport.close();
  });
}

test("own copies go on where they reach another node of this machine", async (t) => {
  port += 1;
  const [sender, receiver] = await Promise.all([
    station("127.0.0.1", "udp"),
    station("127.0.0.2", "udp"),
  ]);
  sender.transport.endOwnCopies();
  sender.transport.multicast(frame("still"));
  await until("it arrives", () => receiver.received.length > 0);
  t.equal(receiver.received[0]?.text, "still");
  t.equal(isLocalAddress(["127.0.0.2"]), true);
  t.equal(isLocalAddress(["192.0.2.77", "2001:db8::77"]), false);
  await Promise.all([sender, receiver].map(({ transport }) => transport.close()));
});

test("a datagram says whether it came by the group", async (t) => {
  port += 1;
  const ways: string[] = [];
  const receiver = new UdpTransport(
    { ownAddress: "127.0.0.2", port, delivery: delivery("udp") },
    null,
  );
  await receiver.open((bytes, _from, byGroup) => {
    ways.push(`${Buffer.from(bytes)} ${byGroup}`);
  });
  const sender = await station("127.0.0.1", "udp");
  sender.transport.multicast(frame("group"));
  sender.transport.unicast("127.0.0.2", frame("alone"));
  await until("both arrive", () => ways.length === 2);
  t.same(ways.sort(), ["alone false", "group true"]);
  await Promise.all([sender.transport, receiver].map((transport) => transport.close()));
});

test("frames from one sender keep their order", async (t) => {
  port += 1;
  const [sender, receiver] = await Promise.all([
    station("127.0.0.1", "udpu"),
    station("127.0.0.2", "udpu"),
  ]);
  const texts = Array.from({ length: 60 }, (_, index) => `frame ${index}`);
  for (const text of texts) sender.transport.unicast("127.0.0.2", frame(text));
  await until("all arrive", () => receiver.received.length === texts.length);
  t.same(
    receiver.received.map(({ text }) => text),
    texts,
  );
  await Promise.all([sender, receiver].map(({ transport }) => transport.close()));
});

test("a group that is none is told by name", async (t) => {
  port += 1;
  const wrong = { type: "udp", group: "127.0.0.2", ttl: 1, peerIsLocal: true } as const;
  const unicast = new UdpTransport({ ownAddress: "127.0.0.3", port, delivery: wrong }, null);
  t.match(await unicast.open(() => t.fail("no datagrams")), {
    ok: false,
    problem: { type: "no-such-group", group: "127.0.0.2" },
  });
  await unicast.close();
});

test("the granted receive buffer is told", async (t) => {
  port += 1;
  const options = { ownAddress: "127.0.0.1", port, delivery: delivery("udpu") };
  const transport = new UdpTransport(options, null);
  const opened = await transport.open(() => t.fail("no datagrams"));
  t.equal(opened.ok, true);
  if (!opened.ok) return;
  t.ok(opened.value.receiveBufferBytes >= 65_536);
  t.ok(opened.value.receiveBufferBytes <= opened.value.receiveBufferWantedBytes);
  await transport.close();
});

test("joining again is harmless, and the group still arrives", async (t) => {
  port += 1;
  const [sender, receiver] = await Promise.all([
    station("127.0.0.1", "udp"),
    station("127.0.0.2", "udp"),
  ]);
  receiver.transport.rejoin();
  receiver.transport.rejoin();
  sender.transport.multicast(frame("after"));
  await until("it arrives", () => receiver.received.length > 0);
  t.match(receiver.transport.counters(), { rejoins: 2 });
  await Promise.all([sender, receiver].map(({ transport }) => transport.close()));
});

test("a closed transport sends nothing and closes twice", async (t) => {
  port += 1;
  const { transport } = await station("127.0.0.1", "udpu");
  await transport.close();
  await transport.close();
  transport.multicast(frame("late"));
  transport.rejoin();
  t.match(transport.counters(), { "frames-sent": 0, "bytes-sent": 0 });
});

import { test } from "tap";
import { UdpTransport } from "../../src/io/network/udp-transport.ts";
import type { SystemCalls } from "../../src/io/system-calls.ts";
import { cable, inNamespace, insideNamespace, ip, namespaceProblem } from "./namespace.ts";
import { transportModes } from "./transport-modes.ts";
import { until } from "./waiting.ts";

const port = 5405;

type Listener = { readonly transport: UdpTransport; readonly texts: string[] };

async function listener(
  ownAddress: string,
  group: string,
  calls: SystemCalls | null,
): Promise<Listener> {
  const delivery = { type: "udp", group, ttl: 1, peerIsLocal: false } as const;
  const transport = new UdpTransport({ ownAddress, port, delivery }, calls);
  const texts: string[] = [];
  const opened = await transport.open((bytes, from) => {
    texts.push(`${Buffer.from(bytes).toString()} from ${from}`);
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problem));
  return { transport, texts };
}

function toAll(transport: UdpTransport, frame: readonly Uint8Array[]): void {
  transport.multicast(frame);
  transport.flush();
}

if (insideNamespace()) {
  for (const [mode, calls] of transportModes) {
    test(`${mode}: IPv6: multicast and unicast without any default route`, async (t) => {
      cable("v0", "v1");
      ip("-6 addr add fd00::1/64 dev v0 nodad");
      const { transport, texts } = await listener("fd00::1", "ff15::217", calls);
      transport.unicast("fd00::1", [Buffer.from("token")]);
      toAll(transport, [Buffer.from("all")]);
      await until("both arrive", () => texts.length === 2);
      t.same(texts.sort(), ["all from fd00::1", "token from fd00::1"]);
      await transport.close();
    });

    test(`${mode}: the group arrives again after the interface was created anew`, async (t) => {
      ip("addr add 10.9.0.1/24 dev v0");
      const { transport, texts } = await listener("10.9.0.1", "239.192.6.148", calls);
      toAll(transport, [Buffer.from("before")]);
      await until("the first arrives", () => texts.length === 1);
      ip("link del v0");
      toAll(transport, [Buffer.from("during")]);
      cable("v0", "v1");
      ip("addr add 10.9.0.1/24 dev v0");
      transport.rejoin();
      await until("one arrives again", () => {
        toAll(transport, [Buffer.from("after")]);
        return texts.includes("after from 10.9.0.1");
      });
      t.notOk(texts.includes("during from 10.9.0.1"));
      t.match(transport.counters(), { rejoins: 1 });
      await transport.close();
    });

    test(`${mode}: a transport without a way out counts why, and recovers`, async (t) => {
      ip("link set v0 down");
      const { transport, texts } = await listener("10.9.0.1", "239.192.6.148", calls);
      toAll(transport, [Buffer.from("nowhere")]);
      transport.unicast("10.9.0.2", [Buffer.from("nowhere")]);
      await until("both have failed", () => {
        return (transport.counters()["send-failed-ENETUNREACH"] ?? 0) === 2;
      });
      ip("link set v0 up");
      await until("it arrives again", () => {
        toAll(transport, [Buffer.from("somewhere")]);
        return texts.includes("somewhere from 10.9.0.1");
      });
      t.notOk(texts.includes("nowhere from 10.9.0.1"));
      await transport.close();
    });

    test(`${mode}: once proven, own copies end until the group is joined anew`, async (t) => {
      const { transport, texts } = await listener("10.9.0.1", "239.192.6.148", calls);
      toAll(transport, [Buffer.from("first")]);
      await until("it comes back", () => texts.length === 1);
      transport.endOwnCopies();
      toAll(transport, [Buffer.from("second")]);
      transport.unicast("10.9.0.1", [Buffer.from("mark")]);
      await until("the mark arrives", () => texts.includes("mark from 10.9.0.1"));
      t.notOk(texts.includes("second from 10.9.0.1"));
      transport.rejoin();
      toAll(transport, [Buffer.from("third")]);
      await until("it comes back again", () => texts.includes("third from 10.9.0.1"));
      await transport.close();
    });

    test(`${mode}: joining on a missing interface is counted, not thrown`, async (t) => {
      const { transport } = await listener("10.9.0.1", "239.192.6.148", calls);
      ip("link del v0");
      transport.rejoin();
      t.match(transport.counters(), { "rejoins-failed": 1 });
      await transport.close();
    });
  }
} else {
  const problem = namespaceProblem();
  test("the ring's interface", { skip: problem ?? false }, async (t) => {
    await t.spawn(...inNamespace(import.meta.url, "in a namespace"));
  });
}

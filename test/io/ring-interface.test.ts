import { type Test, test } from "tap";
import { UdpTransport } from "../../src/io/network/udp-transport.ts";
import type { SystemCalls } from "../../src/io/system-calls.ts";
import { cable, inNamespace, insideNamespace, ip, namespaceProblem } from "./namespace.ts";
import { transportModes } from "./transport-modes.ts";
import { until } from "./waiting.ts";

const port = 5405;

type Listener = { readonly transport: UdpTransport; readonly texts: string[] };

type Place = {
  readonly ownAddress: string;
  readonly group: string;
  readonly calls: SystemCalls | null;
};

async function listener(t: Test, { ownAddress, group, calls }: Place): Promise<Listener> {
  const delivery = { type: "udp", group, ttl: 1, peerIsLocal: false } as const;
  const transport = new UdpTransport({ ownAddress, port, delivery }, calls);
  const texts: string[] = [];
  const opened = await transport.open((bytes, from) => {
    texts.push(`${Buffer.from(bytes).toString()} from ${from}`);
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problem));
  // Also after a failure: an open socket would keep the process alive.
  t.teardown(() => transport.close());
  return { transport, texts };
}

/** Sends to all until it comes back: the link may need a moment after it was made. */
async function untilBack({ transport, texts }: Listener, word: string): Promise<void> {
  await until(`"${word}" comes back`, () => {
    toAll(transport, [Buffer.from(word)]);
    return texts.some((text) => text.startsWith(word));
  });
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
      const one = await listener(t, { ownAddress: "fd00::1", group: "ff15::217", calls });
      await untilBack(one, "all");
      one.transport.unicast("fd00::1", [Buffer.from("token")]);
      await until("the token arrives", () => one.texts.includes("token from fd00::1"));
      t.ok(one.texts.includes("all from fd00::1"));
    });

    test(`${mode}: the group arrives again after the interface was created anew`, async (t) => {
      ip("addr add 10.9.0.1/24 dev v0");
      const one = await listener(t, { ownAddress: "10.9.0.1", group: "239.192.6.148", calls });
      const { transport, texts } = one;
      await untilBack(one, "before");
      ip("link del v0");
      toAll(transport, [Buffer.from("during")]);
      cable("v0", "v1");
      ip("addr add 10.9.0.1/24 dev v0");
      transport.rejoin();
      await untilBack(one, "after");
      t.notOk(texts.includes("during from 10.9.0.1"));
      t.match(transport.counters(), { rejoins: 1 });
    });

    test(`${mode}: a transport without a way out counts why, and recovers`, async (t) => {
      ip("link set v0 down");
      const one = await listener(t, { ownAddress: "10.9.0.1", group: "239.192.6.148", calls });
      const { transport, texts } = one;
      toAll(transport, [Buffer.from("nowhere")]);
      transport.unicast("10.9.0.2", [Buffer.from("nowhere")]);
      await until("both have failed", () => {
        return (transport.counters()["send-failed-ENETUNREACH"] ?? 0) === 2;
      });
      ip("link set v0 up");
      await untilBack(one, "somewhere");
      t.notOk(texts.includes("nowhere from 10.9.0.1"));
    });

    test(`${mode}: once proven, own copies end until the group is joined anew`, async (t) => {
      const one = await listener(t, { ownAddress: "10.9.0.1", group: "239.192.6.148", calls });
      const { transport, texts } = one;
      await untilBack(one, "first");
      transport.endOwnCopies();
      toAll(transport, [Buffer.from("second")]);
      transport.unicast("10.9.0.1", [Buffer.from("mark")]);
      await until("the mark arrives", () => texts.includes("mark from 10.9.0.1"));
      t.notOk(texts.includes("second from 10.9.0.1"));
      transport.rejoin();
      await untilBack(one, "third");
    });

    test(`${mode}: joining on a missing interface is counted, not thrown`, async (t) => {
      const { transport } = await listener(t, {
        ownAddress: "10.9.0.1",
        group: "239.192.6.148",
        calls,
      });
      ip("link del v0");
      transport.rejoin();
      t.match(transport.counters(), { "rejoins-failed": 1 });
    });
  }
} else {
  const problem = namespaceProblem();
  test("the ring's interface", { skip: problem ?? false }, async (t) => {
    await t.spawn(...inNamespace(import.meta.url, "in a namespace"));
  });
}

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "tap";
import { CertificateSender } from "../../src/guard/certificate-sender.ts";
import type { CertificateOrder } from "../../src/guard/guard-messages.ts";

const order: CertificateOrder = {
  protocol: "clusterd-guard-6",
  type: "certificate",
  frame: "c1d0ff",
  from: "127.0.0.1",
  to: ["127.0.0.1"],
  port: 1,
};

test("it sends the frame of the last certificate to every node, and says so", async (t) => {
  const receiver = createSocket("udp4").bind(0, "127.0.0.1");
  await once(receiver, "listening");
  const received: string[] = [];
  receiver.on("message", (frame) => received.push(frame.toString("hex")));
  const said: string[] = [];
  const say = (level: string, text: string): void => void said.push(`${level}: ${text}`);
  const sender = new CertificateSender(say);
  t.teardown(() => {
    receiver.close();
    sender.close();
  });
  sender.send();
  t.same(said, [], "it has no certificate yet");
  const { port } = receiver.address();
  t.ok(sender.use({ ...order, port, frame: "00" }));
  t.ok(sender.use({ ...order, port }), "of the next life");
  const arrived = once(receiver, "message");
  sender.send();
  await arrived;
  t.same(received, ["c1d0ff"], "and nothing before it");
  t.match(said.at(-1), /^info: certifies to the other nodes/);
});

test("an order that makes no sense is refused", async (t) => {
  const sender = new CertificateSender(() => undefined);
  t.notOk(sender.use({ ...order, frame: "xyz" }));
  t.notOk(sender.use({ ...order, frame: "" }));
  t.notOk(sender.use({ ...order, from: "node1" }));
  t.notOk(sender.use({ ...order, to: ["1.2.3.4.5"] }));
});

test("an address that this machine does not have is said, and ends nothing", async (t) => {
  const said = new Promise<string>((resolve) => {
    const say = (_level: string, text: string): void => resolve(text);
    const sender = new CertificateSender(say);
    sender.use({ ...order, from: "192.0.2.1" });
    t.teardown(() => sender.close());
  });
  t.match(await said, /^death certificates cannot be sent: .*EADDRNOTAVAIL/);
});

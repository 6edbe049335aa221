import { test } from "tap";
import {
  addressBytes,
  advertisedMac,
  decodeArp,
  encodeAdvertisement,
  encodeArp,
  encodeSolicitation,
  linkAddress,
  solicitedGroup,
} from "../../src/io/network/neighbour-packets.ts";

const mac = "02:fc:00:00:00:01";
const parties = {
  senderMac: mac,
  senderAddress: "20.0.20.200",
  targetMac: "00:00:00:00:00:00",
  targetAddress: "20.0.20.200",
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("a gratuitous ARP request, byte for byte", (t) => {
  const expected = "00010800060400010" + "2fc00000001140014c8000000000000140014c8";
  t.equal(hex(encodeArp("request", parties)), expected);
  t.equal(hex(encodeArp("reply", parties)).slice(12, 16), "0002");
  t.end();
});

test("what was encoded is decoded, anything else is not", (t) => {
  const packet = encodeArp("reply", parties);
  t.same(decodeArp(packet), parties);
  t.equal(decodeArp(packet.subarray(0, 27)), null);
  t.equal(decodeArp(Buffer.alloc(28, 9)), null);
  t.end();
});

test("an unsolicited advertisement overrides and names the link-layer address", (t) => {
  const packet = encodeAdvertisement("fd00::c8", mac);
  const target = "fd0000000000000000000000000000c8";
  t.equal(hex(packet), `8800000020000000${target}0201${"02fc00000001"}`);
  t.equal(advertisedMac(packet, "fd00::c8"), mac);
  t.equal(advertisedMac(packet, "fd00::c9"), null);
  t.equal(advertisedMac(packet.subarray(0, 24), "fd00::c8"), "unknown", "without the option");
  t.equal(advertisedMac(encodeSolicitation("fd00::c8", mac), "fd00::c8"), null);
  t.end();
});

test("addresses become bytes in every notation", (t) => {
  const cases = [
    ["20.0.20.200", "140014c8"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["fe80::", "fe800000000000000000000000000000"],
    ["2001:db8::a:0:1", "20010db8000000000000000a00000001"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203"],
  ] as const;
  for (const [text, bytes] of cases) t.equal(hex(addressBytes(text)), bytes, text);
  t.equal(hex(solicitedGroup("fd00::12:3456")), "ff0200000000000000000001ff123456");
  t.equal(linkAddress(3, mac).length, 20);
  t.end();
});

/** Numeric addresses: what is one, its bytes, its text, its subnets. */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import fc from "fast-check";
import { test } from "tap";
import {
  canonicalAddress,
  formatAddress,
  inSubnet,
  isLoopback,
  isMulticast,
  isUnspecifiedOrBroadcast,
  type NumericAddress,
  parseAddress,
  parseAddressWithPrefix,
  sameAddress,
} from "../../src/model/numeric-address.ts";

test("the bytes of an address, however it is written", async (t) => {
  t.same(parseAddress("10.0.0.5"), { family: "ipv4", bytes: [10, 0, 0, 5] });
  const one = [...Array<number>(15).fill(0), 1];
  t.same(parseAddress("::1"), { family: "ipv6", bytes: one });
  const zeros = Array<number>(10).fill(0);
  t.same(parseAddress("::ffff:10.0.0.5")?.bytes, [...zeros, 255, 255, 10, 0, 0, 5]);
  t.same(parseAddress("2001:db8::a:0")?.bytes.slice(0, 4), [0x20, 0x01, 0x0d, 0xb8]);
});

test("what is no address", async (t) => {
  const wrong = ["", "10.0.0", "10.0.0.256", "10.0.0.05", "10.0.0.5.6", "host", "10.0.0.5/24"];
  const blanks = [" 10.0.0.5", "10.0.0.5 ", "::1\n", "0x1.0.0.1", "1e1.0.0.1", "+1.0.0.1"];
  const wrong6 = [":", ":::", "1::2::3", "::g", "1:2:3:4:5:6:7", "::10.0.0.256", "12345::"];
  const full = ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "[::1]", "1:"];
  const misplaced = ["1.2.3.4::", "1.2.3.4::1", "::1.2.3.4:5", "1.2.3.4:5::", "::1.2.3.04"];
  const zones = ["fe80::1%eth0", "fe80::1%2", "::1%", "10.0.0.5%eth0"];
  for (const text of [...wrong, ...blanks, ...wrong6, ...full, ...misplaced, ...zones]) {
    t.equal(parseAddress(text), null, text);
  }
});

/** Much of what is nearly an address, and what the system takes for one. */
function someTexts() {
  const words = "0 1 10 255 256 ffff abcd : :: . :: 01 1.2.3.4 % eth0".split(" ");
  const nearly = fc.array(fc.constantFrom(...words), { maxLength: 15 });
  return fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    nearly.map((parts) => parts.join("")),
  );
}

test("over random texts the parser agrees with the system's, zones apart", async (t) => {
  const property = fc.property(someTexts(), (text) => {
    const family = isIPv4(text) ? "ipv4" : isIPv6(text) ? "ipv6" : undefined;
    return parseAddress(text)?.family === (text.includes("%") ? undefined : family);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 5000, seed: 7 }));
});

test("an address that is printed is read again, as the system prints it", async (t) => {
  const byte = fc.oneof(fc.constant(0), fc.constant(255), fc.nat(255));
  const addresses = fc.oneof(
    fc.array(byte, { minLength: 4, maxLength: 4 }),
    fc.array(byte, { minLength: 16, maxLength: 16 }),
  );
  const property = fc.property(addresses, (bytes) => {
    const text = formatAddress(bytes);
    const family = bytes.length === 4 ? "ipv4" : "ipv6";
    t.equal(new SocketAddress({ address: text, family }).address, text);
    t.same(parseAddress(text), { family, bytes });
    t.equal(canonicalAddress(text.toUpperCase()), text);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500, seed: 7 }));
});

test("an address with prefix", async (t) => {
  t.match(parseAddressWithPrefix("10.0.0.5/24"), { address: "10.0.0.5", prefix: 24 });
  t.match(parseAddressWithPrefix("10.0.0.5"), { address: "10.0.0.5", prefix: null });
  t.match(parseAddressWithPrefix("fd00::5/128"), { address: "fd00::5", prefix: 128 });
  const wrong = ["10.0.0.5/33", "10.0.0.5/", "10.0.0.5/x", "10.0.0.5/-1", "fd00::5/129"];
  for (const text of [...wrong, "10.0.0.5/24/24", "/24", "10.0.0.5/0024"]) {
    t.equal(parseAddressWithPrefix(text), null, text);
  }
});

test("the same address in other words", async (t) => {
  t.equal(sameAddress("fd00::5", "FD00:0:0::0005"), true);
  t.equal(sameAddress("10.0.0.5", "10.0.0.5"), true);
  t.equal(sameAddress("10.0.0.5", "10.0.0.4"), false);
  t.equal(sameAddress("::ffff:10.0.0.5", "10.0.0.5"), false, "another family");
  t.equal(sameAddress("10.0.0.5", "nonsense"), false);
  t.equal(sameAddress("nonsense", "nonsense"), false);
  t.equal(canonicalAddress("FD00:0:0::1"), canonicalAddress("fd00::1/64"));
  t.equal(canonicalAddress("::ffff:1.2.3.4"), canonicalAddress("::ffff:102:304"));
  t.equal(canonicalAddress("not an address"), "not an address");
});

test("subnets of any width", async (t) => {
  t.equal(inSubnet("10.0.0.1", "10.0.0.254", 24), true);
  t.equal(inSubnet("10.0.0.1", "10.0.1.1", 24), false);
  t.equal(inSubnet("10.0.0.1", "10.0.0.200", 25), false);
  t.equal(inSubnet("10.0.0.1", "10.0.0.2", 31), false);
  t.equal(inSubnet("10.0.0.2", "10.0.0.3", 31), true);
  t.equal(inSubnet("10.0.0.1", "192.0.2.1", 0), true);
  t.equal(inSubnet("fd00:1:2:3::1", "fd00:1:2:3:ffff::1", 64), true);
  t.equal(inSubnet("fd00:1:2:3::1", "fd00:1:2:4::1", 63), false);
  t.equal(inSubnet("10.0.0.1", "::1", 0), false, "another family");
});

test("addresses that are nobody's own", async (t) => {
  const are = (is: (address: NumericAddress) => boolean, texts: string) =>
    texts.split(" ").map((text) => {
      const address = parseAddress(text);
      return address !== null && is(address);
    });
  t.same(are(isLoopback, "127.0.0.1 127.9.9.9 ::1"), [true, true, true]);
  t.same(are(isLoopback, "128.0.0.1 :: ::2 1::1"), [false, false, false, false]);
  t.same(are(isMulticast, "224.0.0.1 239.9.9.9 ff15::1"), [true, true, true]);
  t.same(are(isMulticast, "223.9.9.9 240.0.0.1 fe80::1"), [false, false, false]);
  t.same(are(isUnspecifiedOrBroadcast, "0.0.0.0 :: 255.255.255.255"), [true, true, true]);
  t.same(are(isUnspecifiedOrBroadcast, "0.0.0.1 ::1 255.255.255.254"), [false, false, false]);
});

/**
 * Commands of tc(8) that let a device send nothing, nothing of some senders, or nothing long: cuts
 * that work in one direction only. Needs the kernel's tbf, htb and u32, nothing else.
 */

/** Its burst is smaller than any frame, so that every frame is dropped. */
const dropping = ["tbf", "rate", "8bit", "burst", "10", "limit", "10"];

/** The device sends nothing from now on. */
export function silence(device: string): readonly (readonly string[])[] {
  return [["tc", "qdisc", "add", "dev", device, "root", ...dropping]];
}

/** The device sends nothing any more that comes from this address. */
export function silenceSource(device: string, address: string): readonly (readonly string[])[] {
  const tc = (kind: string, ...words: readonly string[]) => {
    const [verb = "", ...rest] = words;
    return ["tc", kind, verb, "dev", device, ...rest];
  };
  const everything = ["htb", "rate", "1gbit", "quantum", "60000"];
  const six = address.includes(":");
  const match = ["match", six ? "ip6" : "ip", "src", address];
  const protocol = six ? "ipv6" : "ip";
  return [
    tc("qdisc", "add", "root", "handle", "1:", "htb", "default", "1"),
    tc("class", "add", "parent", "1:", "classid", "1:1", ...everything),
    tc("class", "add", "parent", "1:", "classid", "1:2", ...everything),
    tc("qdisc", "add", "parent", "1:2", ...dropping),
    tc("filter", "add", "parent", "1:", "protocol", protocol, "u32", ...match, "flowid", "1:2"),
  ];
}

/** The device sends no packet of more than so many bytes, IP header included, any more. */
export function narrow(device: string, bytesMax: number): readonly (readonly string[])[] {
  // A packet that never fits into the burst is dropped. It counts with its Ethernet header.
  const burst = ["burst", String(bytesMax + 14), "limit", "4000000"];
  return [["tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", "900mbit", ...burst]];
}

/** Undoes them; fails when there was nothing to undo. */
export function unsilence(device: string): readonly string[] {
  return ["tc", "qdisc", "del", "dev", device, "root"];
}

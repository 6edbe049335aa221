/**
 * struct sockaddr_in and sockaddr_in6 of a numeric address and a port. Addresses with a zone
 * (`%eth0`) are not supported.
 * Source: ip(7), ipv6(7).
 * Tested in: test/io/udp-transport.test.ts
 */
import { parseAddress } from "../../model/numeric-address.ts";
import { inet6Address, inet6Family } from "./neighbour-packets.ts";

export type SocketAddress = { readonly family: number; readonly bytes: Uint8Array };

const inetFamily = 2;
const portOffset = 2;
const inetPadding = Buffer.alloc(8);

/** Null for names and for addresses with a zone. */
export function socketAddress(address: string, port: number): SocketAddress | null {
  const parsed = parseAddress(address);
  if (parsed === null) return null;
  const numeric = Buffer.from(parsed.bytes);
  if (parsed.family === "ipv4") {
    const family = new Uint8Array(Uint16Array.of(inetFamily).buffer);
    const bytes = Buffer.concat([family, Buffer.alloc(2), numeric, inetPadding]);
    bytes.writeUInt16BE(port, portOffset);
    return { family: inetFamily, bytes };
  }
  const bytes = Buffer.from(inet6Address(numeric, 0));
  bytes.writeUInt16BE(port, portOffset);
  return { family: inet6Family, bytes };
}

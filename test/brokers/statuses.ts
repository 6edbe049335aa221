/** Values of management objects as a broker sends them: text as binary, identities as 16 bytes. */
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import type { BrokerMember, BrokerStatus } from "../../src/brokers/broker-status.ts";

export const binary = (text: string): Buffer => Buffer.from(text);

/** The identity of the broker of node `number`. */
export function systemId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll("-", ""), "hex");
}

export function member(number: number, state: BrokerState): BrokerMember {
  return { systemId: systemId(number), host: `node${number}`, port: 5672, state };
}

export function brokerStatus(state: BrokerState, fields: Partial<BrokerStatus> = {}): BrokerStatus {
  return {
    state,
    systemId: systemId(1),
    members: [],
    brokersUrl: "amqp:tcp:node1:5672,tcp:node2:5672",
    publicUrl: "",
    replicateDefault: "all",
    ...fields,
  };
}

/** The object `habroker` on the wire, with a member list of two. */
export function haBrokerValues(): Readonly<Record<string, unknown>> {
  return {
    name: binary("ha-broker"),
    status: binary("ready"),
    systemId: uuidBytes(systemId(2)),
    brokersUrl: binary("amqp:tcp:node1:5672,tcp:node2:5672"),
    publicUrl: binary(""),
    replicateDefault: binary("all"),
    members: [memberValues(1, 4), memberValues(2, 2)],
  };
}

export function memberValues(number: number, status: unknown): Readonly<Record<string, unknown>> {
  return {
    "system-id": uuidBytes(systemId(number)),
    protocol: binary("tcp"),
    "host-name": binary(`node${number}`),
    port: 5672,
    status,
  };
}

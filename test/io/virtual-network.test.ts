/** The contracts of the network's ports, held against the one of a virtual machine. */
import { t as suite } from "tap";
import { VirtualNetwork } from "../sim/virtual-network.ts";
import { addressContract } from "./addresses.contract.ts";
import { networkContract } from "./network.contract.ts";
import { pumpedMachine } from "./pumped-time.ts";

const { host, process } = pumpedMachine(suite);
const network = new VirtualNetwork(host, process, "token");
const order = {
  interface: "eth0",
  address: "10.1.1.200",
  prefix: 24,
  family: "ipv4",
} as const;

addressContract({ name: "virtual", addresses: network, interface: "eth0" });

networkContract("virtual", () => {
  const setCarrier = (up: boolean): void => {
    host.linkUp = up;
  };
  return { network, order, setCarrier };
});

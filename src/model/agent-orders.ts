/**
 * Orders of resource agents to the operating system, and the reports on them. An order is complete:
 * the code that performs it makes no choices, retries nothing and adds nothing.
 * Tested in: test/vip/ip-agent.test.ts
 */
import type { ServiceName } from "./ids.ts";
import type { AddressFamily } from "./numeric-address.ts";
import type { Ms } from "./time.ts";

export type AddressOrder = {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
  readonly family: AddressFamily;
};

export type AgentOrder =
  | {
      readonly type: "run-process";
      readonly argv: readonly [string, ...string[]];
      readonly environment: readonly (readonly [string, string])[];
      readonly timeoutMs: Ms | null;
      /** The process only looks: its end does not cause a check of the service. */
      readonly looks?: true;
    }
  | { readonly type: "list-interfaces" }
  /** Record, also for later lives, that this node may have put the address up. */
  | { readonly type: "claim-address"; readonly address: string }
  /** Remove that record: the address was seen to be off. Answered at once. */
  | { readonly type: "release-address"; readonly address: string }
  | { readonly type: "add-address"; readonly address: AddressOrder }
  | { readonly type: "remove-address"; readonly address: AddressOrder }
  /**
   * Ask the network whether another host has the address; takes up to 300 ms, or a second with
   * arping.
   */
  | { readonly type: "probe-address"; readonly address: AddressOrder }
  /** The same while the address is up already; answered at once, see `contested`. */
  | { readonly type: "probe-aside"; readonly address: AddressOrder }
  /** Announce the address now and again a little later (gratuitous ARP); answered at once. */
  | { readonly type: "announce"; readonly address: AddressOrder }
  /** Ask whether an address of this node answers; `done` also where that cannot be asked. */
  | { readonly type: "ask-address"; readonly address: AddressOrder }
  /** Start a program whose result does not matter; answered at once. */
  | { readonly type: "run-aside"; readonly argv: readonly [string, ...string[]] }
  /**
   * Wait. For the log: `waitsFor` names what does not end; `why` names the call for which this
   * machine had no room.
   */
  | {
      readonly type: "pause";
      readonly pauseMs: Ms;
      readonly waitsFor?: string;
      readonly why?: string;
    }
  /** Send SIGKILL to every process that the service's agents left, however detached. */
  | {
      readonly type: "kill-processes";
      readonly service: ServiceName;
      /** Only the processes of this resource; see `resourceMark`. */
      readonly resource?: string;
    }
  /** List the processes of the service, or find out whether it has `any`. */
  | {
      readonly type: "list-processes";
      readonly service: ServiceName;
      readonly enough: "any" | "all";
    }
  /** Ask the broker of this node whether it runs, or is `primary`: `exited`, 0 if it is. */
  | { readonly type: "ask-broker"; readonly primary: boolean }
  /** Make the broker of this node the primary: `exited`, 0 if it is. */
  | { readonly type: "promote-broker" }
  /** End the broker of this node if it is primary: `exited`, 0 if no primary is left. */
  | { readonly type: "end-primary" }
  /** End the processes that a stop has left: wait, then SIGTERM, then SIGKILL. */
  | {
      readonly type: "end-processes";
      readonly service: ServiceName;
      /** Only the processes of this resource; see `resourceMark`. */
      readonly resource?: string;
      readonly settleMs: Ms;
      readonly graceMs: Ms;
      readonly forceMs: Ms;
      readonly spared: SparedProcesses;
    };

export type RunOrder = Extract<AgentOrder, { readonly type: "run-process" }>;

/** The processes of a service that may outlive its stop. */
type SparedProcesses = {
  /** Units of systemd, which has already ended their processes as they are configured. */
  readonly units: readonly string[];
  /** Resources, by OCF_RESOURCE_INSTANCE. */
  readonly instances: readonly string[];
};

export type InterfaceReport = {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly slave: boolean;
  readonly addresses: readonly {
    readonly address: string;
    readonly prefix: number;
    readonly family: AddressFamily;
    /** clusterd has put the address there, in this life or an earlier one. */
    readonly ours: boolean;
  }[];
};

export type ContestedAddress = { readonly address: string; readonly mac: string };

export type AgentReport =
  | { readonly type: "exited"; readonly code: number; readonly output: string }
  | { readonly type: "signalled"; readonly signal: string; readonly output: string }
  | { readonly type: "timed-out"; readonly output: string }
  /** `absent`: the program does not exist. */
  | { readonly type: "not-started"; readonly absent: boolean; readonly cause: string }
  | {
      readonly type: "interfaces";
      readonly interfaces: readonly InterfaceReport[];
      /** Addresses that another host has answered for, and that no probe has found free since. */
      readonly contested: readonly ContestedAddress[];
    }
  | { readonly type: "done" }
  | { readonly type: "taken"; readonly mac: string }
  | { readonly type: "failed"; readonly cause: string }
  /** How many processes outlived SIGKILL, and what could not be looked at, in words. */
  | { readonly type: "killed"; readonly survivors: number; readonly unseen: readonly string[] }
  /** Texts: which processes have ended, which are left, and what could not be looked at. */
  | {
      readonly type: "processes";
      readonly ended: readonly string[];
      readonly left: readonly string[];
      readonly unseen: readonly string[];
    };

/** `code` as in OCF: 0 is success, 5 not installed, anything else a failure. */
export type AgentVerdict = {
  readonly code: number;
  readonly text: string;
  /** The machine had no room for it: nothing was done. */
  readonly untried?: true;
  /** A start has failed with an exit code that says that nothing runs. */
  readonly declined?: true;
  /** The exit status of an init script, if it differs from `code`. */
  readonly exitStatus?: number;
};

/** One call of an agent: yields orders, receives reports, returns its verdict. */
export type AgentCall = Generator<AgentOrder, AgentVerdict, AgentReport>;

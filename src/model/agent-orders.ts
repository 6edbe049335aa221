/**
 * What resource agents ask of the operating system, and what comes back. An order holds everything:
 * whoever performs it chooses nothing, retries nothing and adds nothing.
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
      /** It only looks: its end is no news of the service. */
      readonly looks?: true;
    }
  | { readonly type: "list-interfaces" }
  /** It is remembered, also for a later life, that this node may have put the address up. */
  | { readonly type: "claim-address"; readonly address: string }
  /** It was seen to be off; answered at once. */
  | { readonly type: "release-address"; readonly address: string }
  | { readonly type: "add-address"; readonly address: AddressOrder }
  | { readonly type: "remove-address"; readonly address: AddressOrder }
  | { readonly type: "probe-address"; readonly address: AddressOrder }
  /** Tell the neighbours, now and again a little later; answered at once. */
  | { readonly type: "announce"; readonly address: AddressOrder }
  /** Whether an address of this node answers; done also where that cannot be asked. */
  | { readonly type: "ask-address"; readonly address: AddressOrder }
  /** A program for its effect on the machine; answered at once, whatever becomes of it. */
  | { readonly type: "run-aside"; readonly argv: readonly [string, ...string[]] }
  /**
   * `waitsFor`: what does not come to its end, for the log; `why`: what there was no room for on
   * this machine.
   */
  | {
      readonly type: "pause";
      readonly pauseMs: Ms;
      readonly waitsFor?: string;
      readonly why?: string;
    }
  /** SIGKILL to every process that the service's agents left, however detached. */
  | {
      readonly type: "kill-processes";
      readonly service: ServiceName;
      /** Only those of this resource; see `resourceMark`. */
      readonly resource?: string;
    }
  /** Which processes the service has, or whether it has `any`; nothing is done to them. */
  | {
      readonly type: "list-processes";
      readonly service: ServiceName;
      readonly enough: "any" | "all";
    }
  /** What a stop has left: waits for its end, then SIGTERM, then SIGKILL. */
  | {
      readonly type: "end-processes";
      readonly service: ServiceName;
      readonly settleMs: Ms;
      readonly graceMs: Ms;
      readonly forceMs: Ms;
      readonly spared: SparedProcesses;
    };

export type RunOrder = Extract<AgentOrder, { readonly type: "run-process" }>;

/** Of the processes of a service, those that may outlive its stop. */
type SparedProcesses = {
  /** Units of systemd: it has ended their processes as their owner wants it. */
  readonly units: readonly string[];
  /** Resources by their OCF_RESOURCE_INSTANCE. */
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
    /** This clusterd, in this life or in an earlier one, is known to have put it there. */
    readonly ours: boolean;
  }[];
};

export type AgentReport =
  | { readonly type: "exited"; readonly code: number; readonly output: string }
  | { readonly type: "signalled"; readonly signal: string; readonly output: string }
  | { readonly type: "timed-out"; readonly output: string }
  /** `absent`: there is no such program. */
  | { readonly type: "not-started"; readonly absent: boolean; readonly cause: string }
  | { readonly type: "interfaces"; readonly interfaces: readonly InterfaceReport[] }
  | { readonly type: "done" }
  | { readonly type: "taken"; readonly mac: string }
  | { readonly type: "failed"; readonly cause: string }
  /** How many processes outlived SIGKILL, and what could not be looked at, in words. */
  | { readonly type: "killed"; readonly survivors: number; readonly unseen: readonly string[] }
  /** In words: what ran and has ended, what runs, and what could not be looked at. */
  | {
      readonly type: "processes";
      readonly ended: readonly string[];
      readonly left: readonly string[];
      readonly unseen: readonly string[];
    };

/** Exit code in the sense of OCF: 0 good, 5 not installed, anything else bad. */
export type AgentVerdict = {
  readonly code: number;
  readonly text: string;
  /** The machine had no room for it: nothing was done. */
  readonly untried?: true;
  /** A start has failed in a word that says that nothing runs. */
  readonly declined?: true;
  /** With what an init script has exited by itself, where that is not the code. */
  readonly exitStatus?: number;
};

/** One call of an agent: yields orders, receives reports, returns its verdict. */
export type AgentCall = Generator<AgentOrder, AgentVerdict, AgentReport>;

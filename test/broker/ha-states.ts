/**
 * States of a broker in a cluster, their numbers on the wire and the legal ways between them.
 * Source: qpid-cpp ha/types.h and ha/Membership.cpp: checkTransition.
 */

export const haStates = [
  "joining",
  "catchup",
  "ready",
  "recovering",
  "active",
  "standalone",
] as const;
export type HaState = (typeof haStates)[number];

const legal: Readonly<Record<HaState, readonly HaState[]>> = {
  standalone: ["joining"],
  joining: ["catchup", "recovering"],
  catchup: ["ready"],
  ready: ["catchup", "recovering"],
  recovering: ["active"],
  active: [],
};

export function isLegalTransition(from: HaState, to: HaState): boolean {
  return legal[from].includes(to);
}

export function isPrimary(state: HaState): boolean {
  return state === "recovering" || state === "active";
}

/** Whether ordinary clients are let in. */
export function acceptsClients(state: HaState): boolean {
  return isPrimary(state) || state === "standalone";
}

export function stateNumber(state: HaState): number {
  return haStates.indexOf(state);
}

/** One broker as the member list shows it; host is empty and port 0 while unknown. */
export type Member = {
  readonly systemId: string;
  readonly host: string;
  readonly port: number;
  readonly state: HaState;
};

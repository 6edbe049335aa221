/**
 * OCF agents of the provider heartbeat that put an address on an interface of the node.
 * Source: ClusterLabs resource-agents 4.12.
 */
export const addressAgents: readonly string[] = ["IPaddr2", "IPaddr", "IPv6addr"];

/**
 * Where the programs that clusterd runs are looked for.
 * Knows no programs.
 * Tested in: test/fencing/fence-agent.test.ts
 */

/** What an administrator has installed comes before what the system has. */
export const searchDirectories: readonly string[] = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** The same as the variable PATH of agents and tools. */
export const searchPath = searchDirectories.join(":");

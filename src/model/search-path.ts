/**
 * The directories in which clusterd looks for the programs that it runs.
 * Tested in: test/fencing/fence-agent.test.ts
 */

/** Programs that an administrator has installed take precedence over those of the system. */
export const searchDirectories: readonly string[] = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/** The value of PATH for agents and tools. */
export const searchPath = searchDirectories.join(":");

/**
 * The version of the program, as every command prints it; equal to the one in package.json.
 * Tested in: test/cli/clustat.test.ts
 */

export const version = "0.1.0";

/**
 * The version of the program, as every command prints it. Equal to the one in package.json.
 * Knows nothing else.
 * Tested in: test/cli/clustat.test.ts
 */

export const version = "0.1.0";

/**
 * The version of the program, as every command prints it. Equal to the one in package.json.
 * Knows nothing else.
 */

export const version = "0.1.0";

/**
 * Whether tests run with a real broker, which QPIDD_BIN names, in place of the stand-in.
 */
export const realBroker = process.env["QPIDD_BIN"];
export const isReal = realBroker !== undefined;
/** For tests that give orders to the stand-in. */
export const skipReal = isReal ? "a real broker takes no orders of tests" : false;

/**
 * Whether tests run with a real broker, which QPIDD_BIN names, in place of the stand-in.
 */
export const realBroker = process.env["QPIDD_BIN"];
export const isReal = realBroker !== undefined;
/** Its SASL settings: a folder with the accounts `ha` and `guest`, whose password is `secret`. */
export const realAccounts = isReal ? process.env["QPIDD_SASL_CONFIG"] : undefined;
/** For tests with passwords, which use these accounts. */
export const skipAccounts =
  isReal && realAccounts === undefined ? "QPIDD_SASL_CONFIG names no accounts" : false;
/** For tests that give orders to the stand-in. */
export const skipReal = isReal ? "a real broker takes no orders of tests" : false;

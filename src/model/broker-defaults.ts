/**
 * How a broker is reached and judged where neither cluster.conf nor a command line says it: read by
 * the tables of the configuration and by whoever asks a broker.
 * Source: qpidd(1); etc/fedora/qpidd.in of qpid-cpp.
 * Tested in: test/brokers/own-broker.test.ts, test/config/broker-elements.test.ts
 */

export const qpiddConfDefault = "/etc/qpid/qpidd.conf";
export const brokerPortDefault = 5672;
/** Time for an answer, which takes a millisecond, and ten on a busy machine. */
export const heartbeatSecondsDefault = 2;

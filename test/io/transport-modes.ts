/** Both ways in which a transport reaches the kernel; they must serve alike. */
import { loadSystemCalls, type SystemCalls } from "../../src/io/system-calls.ts";

const native = await loadSystemCalls();

export const transportModes: readonly (readonly [string, SystemCalls | null])[] = [
  ["by node:dgram alone", null],
  ...(native.ok ? ([["with native calls", native.value]] as const) : []),
];

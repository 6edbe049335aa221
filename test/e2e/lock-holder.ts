/**
 * Takes the guard's lock of a state directory as soon as it is free, and keeps it.
 * `lock-holder.js STATE-DIRECTORY`
 */
import { lockInstance } from "../../src/io/files/instance-lock.ts";

for (;;) {
  const lock = await lockInstance(process.argv[2] ?? "", "guard");
  if (lock.ok) break;
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write("held\n");
setInterval(() => undefined, 1000);

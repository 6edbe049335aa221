/** Raises the bound without end and tells the parent each time it is durable; is killed. */
import { FileStore } from "../../src/io/files/file-store.ts";
import { ms } from "../../src/model/time.ts";

const [, , directory = ""] = process.argv;
const store = new FileStore(directory);
const life = await store.beginLife(ms(1));
let bound = life.ok ? life.value.ringSeqDurable : 0;
while (life.ok) {
  bound += 1;
  const raised = await store.raiseRingSeq(bound);
  if (raised.ok) process.send?.(raised.value);
}

/** What the demonstrations have in common: how they speak, and how one act of them is shown. */
import type { RealCluster } from "../e2e/real-cluster.ts";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "   ");
}

/** One act: says what it was, how long it took, and what the given node then shows. */
export async function step(
  cluster: RealCluster,
  title: string,
  act: () => Promise<number>,
): Promise<void> {
  say(`== ${title}`);
  const began = performance.now();
  const witness = await act();
  const took = ((performance.now() - began) / 1000).toFixed(2);
  say(`   done after ${took} s; clustat-ts on node${witness}:\n`);
  say(indent((await cluster.command(witness, "clustat-ts")).stdout));
}

/** However the demonstration ends, nothing of it stays. */
export async function perform(
  play: () => Promise<boolean>,
  leave: () => Promise<void>,
): Promise<number> {
  const end = async (status: number): Promise<number> => {
    await leave();
    return status;
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => void end(130).then((status) => process.exit(status)));
  }
  try {
    return await end((await play()) ? 0 : 1);
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return end(1);
  }
}

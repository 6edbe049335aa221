/** The lines in which two texts differ, as diff(1) marks them, by their longest common lines. */
export function lineChanges(before: string, after: string): string {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const lengths: number[][] = Array.from({ length: old.length + 1 }, () =>
    new Array<number>(fresh.length + 1).fill(0),
  );
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = fresh.length - 1; column >= 0; column -= 1) {
      const same = old[row] === fresh[column];
      const best = Math.max(at(row + 1, column), at(row, column + 1));
      (lengths[row] ?? [])[column] = same ? at(row + 1, column + 1) + 1 : best;
    }
  }
  const lines: string[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < fresh.length) {
    if (row < old.length && old[row] === fresh[column]) [row, column] = [row + 1, column + 1];
    else if (
      column >= fresh.length ||
      (row < old.length && at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push(`-${old[row]}`);
      row += 1;
    } else {
      lines.push(`+${fresh[column]}`);
      column += 1;
    }
  }
  return lines.map((line) => `${line.replace("\r", "\\r")}\n`).join("");
}

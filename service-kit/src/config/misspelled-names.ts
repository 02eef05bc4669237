const LARGEST_DISTANCE = 2;

/** Names that nothing reads and that look like one that something does. A name that is like none of them belongs to another program. */
export function misspelledNames(
  names: readonly string[],
  known: readonly string[],
): [name: string, meant: string][] {
  return names
    .filter((name) => !known.includes(name))
    .flatMap((name): [string, string][] => {
      const [nearest] = known
        .map((other) => ({ other, distance: editDistance(name.toUpperCase(), other) }))
        .toSorted((one, two) => one.distance - two.distance);
      // Nearly every other name is near a short one.
      const limit = Math.min(LARGEST_DISTANCE, Math.floor(name.length / 3));
      return nearest !== undefined && nearest.distance <= limit ? [[name, nearest.other]] : [];
    });
}

/** How many letters to put in, take out or change. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [done, letter] of from.split("").entries()) {
    const next = [done + 1];
    for (const [index, wanted] of to.split("").entries()) {
      const changed = row[index]! + (letter === wanted ? 0 : 1);
      next.push(Math.min(changed, row[index + 1]! + 1, next[index]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}

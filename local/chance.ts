export function happens(probability: number): boolean {
  return Math.random() < probability;
}

/** A whole number from `least` to `most`. */
export function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least + 1));
}

export function oneOf<T>(items: readonly T[]): T {
  const chosen = items[Math.floor(Math.random() * items.length)];
  if (chosen === undefined) throw new Error('there is nothing to choose from');
  return chosen;
}

export function happens(probability: number): boolean {
  return Math.random() < probability;
}

/** A whole number from `least` to `most`. */
export function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least + 1));
}

/** Half of them smaller; the larger the spread, the farther off: at 0.5 one in twenty is 2.3 times as much. */
export function scattered(median: number, spread: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.round(median * Math.exp(spread * normal) * 100) / 100;
}

export function oneOf<T>(items: readonly T[]): T {
  const chosen = items[Math.floor(Math.random() * items.length)];
  if (chosen === undefined) throw new Error('there is nothing to choose from');
  return chosen;
}

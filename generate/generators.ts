import type { Generator } from './generated-file.ts';

/** Everything that is generated and committed, one line each, in the order in which one builds on another. */
export const generators: Readonly<Record<string, Generator>> = {};

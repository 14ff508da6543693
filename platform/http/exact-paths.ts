import type { Route } from './route.ts';

/** Paths without parameters, as they are usually written: found without trying patterns, and everything else by the router. */
export function exactly<T>(
  routes: readonly Route[],
  keyOf: (route: Route) => string,
  valueOf: (route: Route) => T,
): ReadonlyMap<string, T> {
  return new Map(routes.filter(({ path }) => !/[:*{(]/.test(path)).map((route) => [keyOf(route), valueOf(route)]));
}

/** By which a request finds its route. */
export function methodAndPath({ method, path }: Pick<Route, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

/** The files that each observed feature has, beside its code: how it is watched, and what to do then. */
export function sliceFindings(features: readonly string[], paths: ReadonlySet<string>): string[] {
  return [...features, 'stack'].flatMap((name) =>
    [`prometheus/rules/${name}.yml`, `prometheus/tests/${name}.test.yml`, `docs/runbooks/${name}.md`, `grafana/dashboards/${name}.json`]
      .filter((path) => !paths.has(path))
      .map((path) => `${name} has no ${path}`),
  );
}

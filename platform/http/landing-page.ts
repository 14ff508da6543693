import { createHash } from 'node:crypto';
import { version } from '../version.ts';

export interface LandingPage {
  /** `exporter`, `api` or `jobs`. */
  service: string;
  /** What the process is for, as one sentence. */
  summary: string;
  commit: string;
  /** Port of the public listener, if it serves the documents of the API. */
  documentsPort?: number;
}

const style = 'body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }';
const styleDigest = createHash('sha256').update(style).digest('base64');

/** No scripts, no forms, no frames, nothing from elsewhere, and the one style that is on the page. */
export const landingPageHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleDigest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const meanings: Readonly<Record<string, string>> = {
  '/metrics': 'series of this process, for Prometheus',
  '/metrics/orgs': 'series per organization, for a scrape job of its own',
  '/healthz': '200 while the process lives',
  '/readyz': '200 while it should get traffic',
};

/** The page at `/`: what this is, and where to go on. `host` is the request's Host header. */
export function landingPage(
  { service, summary, commit, documentsPort }: LandingPage,
  paths: readonly string[],
  host: string | undefined,
): string {
  const title = `widget-observability ${service}`;
  const links = paths.map((path) => `<li><a href="${path}">${path}</a>: ${meanings[path] ?? ''}</li>`);
  // Under the name by which this page was reached, if it is one: the header is the client's own word.
  const name = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?=:\d+$|$)/.exec(host ?? '')?.[0];
  if (documentsPort !== undefined && name !== undefined) {
    links.push(`<li><a href="http://${name}:${documentsPort}/docs">/docs</a> on the public port: the API, to read and to try out</li>`);
  }
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
<p>${summary}</p>
<p>Version ${version}, commit ${commit}</p>
<ul>
${links.join('\n')}
</ul>
</body>
</html>
`;
}

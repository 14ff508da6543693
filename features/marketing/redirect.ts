// U+0000 to U+001F and U+007F to U+009F; browsers drop some of them, after which `/\t/evil` is another host.
const controlCharacters = /\p{Cc}/u;

/** Of a path, as it is stored: a header that is longer stops at many a proxy. */
const longest = 2048;

/**
 * Where a browser goes after a form was posted: back to a path of the site, never to another host. Anything that is no such path becomes
 * `/`. Source: contracts/marketing.md, POST /v1/leads/capture.
 */
export function redirectPath(path: unknown): string {
  if (typeof path !== 'string' || path.length > longest || !path.startsWith('/') || /^\/[/\\]/.test(path) || controlCharacters.test(path))
    return '/';
  // A header takes printable ASCII only. Nothing is decoded or resolved: `/..//evil` must stay the path that it is.
  return path.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent);
}

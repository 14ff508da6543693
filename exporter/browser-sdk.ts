import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { publicCaller } from '../platform/auth/identities.ts';
import { isPinned, pinnedName } from '../platform/browser-script.ts';
import { HttpError } from '../platform/http/errors.ts';
import type { ExporterSlice } from '../platform/http/exporter-slice.ts';
import { route, type Answer } from '../platform/http/route.ts';

/** What npm run generate writes; the build puts it beside this file as well. */
const committed = new URL('browser-sdk/', import.meta.url);

const requestHeaders = z.object({
  'if-none-match': z.string().optional().meta({ description: 'An `ETag`: 304 if it is still the script.' }),
});

interface Script {
  bodies: Readonly<Record<Encoding, Buffer>>;
  headers: Readonly<Record<string, string>>;
  etag: string;
}

/** What a page loads to send its events: sdk/browser, made by npm run generate. */
export function browserSdk(): ExporterSlice {
  const scripts = readBrowserScripts(committed);
  return {
    routes: [
      route({
        method: 'GET',
        path: '/sdk/v1/:file',
        operationId: 'getBrowserScript',
        tag: 'sdk',
        summary: 'The script that a page embeds',
        description:
          '`widget.js` is the beacon, `performance.js` what measures beside it. Both are the current ones and may be kept for an hour. ' +
          '`Content-Location` names them with a hash of their content: under that name they never change, so they may be kept for ever and be ' +
          'embedded with an `integrity` attribute.',
        identity: publicCaller,
        cors: 'widget',
        params: z.object({ file: z.string() }),
        reads: { headers: requestHeaders },
        responses: {
          200: {
            description: 'The script',
            contentTypes: ['text/javascript'],
            headers: {
              ETag: 'Of its content',
              'Cache-Control': 'How long it may be kept',
              'Content-Location': 'The name beside this one under which it never changes',
            },
          },
          304: { description: 'It is what the caller has' },
        },
        errors: ['NOT_FOUND'],
        handler: async (request): Promise<Answer> => {
          const script = scripts.get(request.params.file);
          if (script === undefined) throw new HttpError('NOT_FOUND', 'there is no such script; embed the current one, /sdk/v1/widget.js');
          const { bodies, headers, etag } = script;
          if (namesTag(request.header('if-none-match'), etag)) return { status: 304, body: undefined, headers };
          const encoding = bestEncoding(request.header('accept-encoding'));
          const type = { 'Content-Type': 'text/javascript; charset=utf-8' };
          const encoded: Record<string, string> = encoding === 'identity' ? {} : { 'Content-Encoding': encoding };
          return { status: 200, body: bodies[encoding], headers: { ...headers, ...type, ...encoded } };
        },
      }),
    ],
  };
}

/**
 * Every script under its own name and under the one with its hash. A file that has a hash in its name is one of an earlier release: pages that embed it
 * go on as long as it is kept.
 */
export function readBrowserScripts(folder: URL): ReadonlyMap<string, Script> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  return new Map(
    files.flatMap((name): [string, Script][] => {
      const content = readFileSync(new URL(name, folder));
      const pinned = isPinned(name) ? name : pinnedName(name, content);
      return [...new Set([name, pinned])].map((served) => [served, scriptOf(served, pinned, content)]);
    }),
  );
}

function scriptOf(name: string, pinned: string, content: Buffer): Script {
  // Weak: the same script in another encoding is other bytes.
  const etag = `W/"${pinned}"`;
  return {
    bodies: { br: brotliCompressSync(content), gzip: gzipSync(content, { level: 9 }), identity: content },
    headers: {
      ETag: etag,
      'Cache-Control': name === pinned ? 'public, max-age=31536000, immutable' : 'public, max-age=3600, stale-while-revalidate=86400',
      'Content-Location': pinned,
      // So that a page can tell how long they took and how large they were.
      'Timing-Allow-Origin': '*',
      Vary: 'Accept-Encoding',
    },
    etag,
  };
}

const encodings = ['br', 'gzip', 'identity'] as const;
type Encoding = (typeof encodings)[number];

/** The smallest that the caller names; who names none gets it as it is. */
function bestEncoding(accepted = ''): Encoding {
  const named = accepted
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => !/;\s*q=0(\.0*)?$/.test(item))
    .map((item) => item.split(';', 1)[0]?.trim());
  return encodings.find((encoding) => named.includes(encoding)) ?? 'identity';
}

function namesTag(ifNoneMatch: string | undefined, etag: string): boolean {
  const weak = (tag: string): string => tag.trim().replace(/^W\//, '');
  return ifNoneMatch?.split(',').some((tag) => tag.trim() === '*' || weak(tag) === weak(etag)) === true;
}

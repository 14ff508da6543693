import type { IncomingMessage } from 'node:http';
import { HttpError } from './errors.ts';

export interface BodyRule {
  limitBytes: number;
  contentTypes: readonly string[];
}

/** Browsers send beacons as text/plain; sendBeacon cannot set another type without a preflight. */
export const publicBody: BodyRule = { limitBytes: 256 * 1024, contentTypes: ['application/json', 'text/plain'] };
/** From trusted servers and from Alertmanager. */
export const serverBody: BodyRule = { limitBytes: 2 * 1024 * 1024, contentTypes: ['application/json'] };

/** How much of an oversize body is read and thrown away so that the sender gets to see its 413 instead of a reset. */
const drainBytes = 16 * 1024 * 1024;
const drainMs = 5000;

/**
 * Reads a JSON body. Own reader because the usual ones turn a text/plain beacon into `{}` and answer an oversize body with a
 * reset. 413 over the limit, 415 for another type or any compression, 400 `INVALID_JSON` for what is not UTF-8 or not JSON.
 */
export async function readJsonBody(request: IncomingMessage, rule: BodyRule): Promise<unknown> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    drain(request);
    throw new HttpError('UNSUPPORTED_MEDIA_TYPE', `bodies compressed with ${printable(encoding)} are not taken; send it uncompressed`);
  }
  const contentType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!rule.contentTypes.includes(contentType)) {
    drain(request);
    throw new HttpError('UNSUPPORTED_MEDIA_TYPE', `content-type must be ${rule.contentTypes.join(' or ')}`);
  }
  return parseJson(await readBytes(request, rule.limitBytes));
}

async function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
    drain(request);
    throw tooLarge(limitBytes);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      cleanUp();
      drain(request);
      reject(tooLarge(limitBytes));
    };
    const onEnd = (): void => {
      cleanUp();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes));
    };
    const onGone = (): void => {
      cleanUp();
      reject(new HttpError('INVALID_JSON', 'the body ended early'));
    };
    const cleanUp = (): void => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

/** Lets the rest of a refused body run out, within bounds; past them the connection is closed. */
function drain(request: IncomingMessage): void {
  if (request.complete) return;
  let left = drainBytes;
  const timer = setTimeout(() => request.destroy(), drainMs);
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
  request.on('close', () => clearTimeout(timer));
  request.on('error', () => clearTimeout(timer));
  request.resume();
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError('PAYLOAD_TOO_LARGE', `the body is larger than ${limitBytes} bytes; send it in smaller batches`, {
    headers: { Connection: 'close' },
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (error) {
    throw new HttpError('INVALID_JSON', 'the body must be JSON in UTF-8', { cause: error });
  }
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40);
}

import type { IncomingMessage } from 'node:http';
import { parseUntrustedJson } from '../untrusted-json.ts';
import type { ByteShare } from './byte-budget.ts';
import { HttpError, type ErrorCode } from './errors.ts';

const formType = 'application/x-www-form-urlencoded';

export function isForm(contentType: string | undefined): boolean {
  return mediaTypeOf(contentType) === formType;
}

export interface BodyRule {
  limitBytes: number;
  contentTypes: readonly string[];
}

/** Browsers send beacons as text/plain; sendBeacon cannot set another type without a preflight. */
export const publicBody: BodyRule = { limitBytes: 256 * 1024, contentTypes: ['application/json', 'text/plain'] };
/** The same, and what a browser posts of a form without a script. */
export const publicFormBody: BodyRule = { ...publicBody, contentTypes: [...publicBody.contentTypes, 'application/x-www-form-urlencoded'] };
/** From trusted servers and from Alertmanager. */
export const serverBody: BodyRule = { limitBytes: 2 * 1024 * 1024, contentTypes: ['application/json'] };

/**
 * How much of a refused body is read and thrown away: many senders read nothing before they have sent everything, and to them an answer
 * on a connection that was closed meanwhile is a reset.
 */
const drainBytes = 16 * 1024 * 1024;
const drainMs = 5000;
/** What a piece of a body takes besides its bytes: a sender may send it byte by byte. */
const pieceBytes = 128;

/** The media type that a request says its body has. */
export function mediaTypeOf(contentType: string | undefined): string {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a body: JSON, or a form that its rule takes. Own reader because the usual ones turn a text/plain beacon into `{}` and answer an oversize body with a
 * reset. 413 over the limit, 415 for another type or any compression, 400 `INVALID_JSON` for what is not UTF-8 or not JSON, 503 where `share` has no
 * room for it.
 */
export async function readBody(request: IncomingMessage, rule: BodyRule, share?: ByteShare): Promise<unknown> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw await refuse(
      request,
      'UNSUPPORTED_MEDIA_TYPE',
      `bodies compressed with ${printable(encoding)} are not taken; send it uncompressed`,
    );
  }
  const contentType = mediaTypeOf(request.headers['content-type']);
  if (!rule.contentTypes.includes(contentType)) {
    throw await refuse(request, 'UNSUPPORTED_MEDIA_TYPE', `content-type must be ${rule.contentTypes.join(' or ')}`);
  }
  const bytes = await readBytes(request, rule.limitBytes, share);
  return contentType === formType ? parseForm(bytes.toString('utf8')) : parseJson(bytes);
}

async function readBytes(request: IncomingMessage, limitBytes: number, share: ByteShare | undefined): Promise<Buffer> {
  if (announcedBytes(request) > limitBytes) throw await refuseTooLarge(request, limitBytes);
  if (share?.hasRoomFor(announcedBytes(request)) === false) throw await refuseForNow(request);
  // Gone while it was being authenticated: nothing would ever be heard of it again.
  if (request.destroyed) throw endedEarly();
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      const isTooLarge = bytes > limitBytes;
      if (!isTooLarge && share?.take(chunk.length + pieceBytes) !== false) {
        chunks.push(chunk);
        return;
      }
      cleanUp();
      void (isTooLarge ? refuseTooLarge(request, limitBytes) : refuseForNow(request)).then(reject);
    };
    const onEnd = (): void => {
      cleanUp();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes));
    };
    const onGone = (): void => {
      cleanUp();
      reject(endedEarly());
    };
    const cleanUp = (): void => {
      share?.arrived();
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
    };
    share?.arriving(() => {
      cleanUp();
      void refuseForNow(request).then(reject);
    });
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function announcedBytes(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

function endedEarly(): HttpError {
  return new HttpError('INVALID_JSON', 'the body ended early');
}

function refuseTooLarge(request: IncomingMessage, limitBytes: number): Promise<HttpError> {
  return refuse(request, 'PAYLOAD_TOO_LARGE', `the body is larger than ${limitBytes} bytes; send it in smaller batches`);
}

function refuseForNow(request: IncomingMessage): Promise<HttpError> {
  return refuse(request, 'INGEST_OVERLOADED', 'too much is waiting to be written; send it again in a second');
}

/** The error to answer with. It is sent at once, on a connection that stays open until the rest of the body has run out. */
async function refuse(request: IncomingMessage, code: ErrorCode, message: string): Promise<HttpError> {
  if (announcedBytes(request) > drainBytes) return new HttpError(code, message, { headers: { Connection: 'close' } });
  const drained = drain(request);
  if (closesAfterAnswer(request)) await drained;
  else void drained.then(() => (request.complete ? undefined : request.destroy()));
  return new HttpError(code, message);
}

/** Whether the sender asked for a connection of one request, as some proxies do: then the answer has to wait for the rest of the body. */
function closesAfterAnswer({ httpVersion, headers }: IncomingMessage): boolean {
  const connection = headers.connection?.toLowerCase() ?? '';
  return httpVersion === '1.0' ? !connection.includes('keep-alive') : connection.includes('close');
}

/** Reads the rest of a body and throws it away; resolves when it has ended, its sender is gone, or a bound is reached. */
function drain(request: IncomingMessage): Promise<void> {
  if (request.destroyed || request.readableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    let left = drainBytes;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left < 0) stop();
    };
    const stop = (): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', stop).off('close', stop);
      resolve();
    };
    const timer = setTimeout(stop, drainMs);
    timer.unref();
    // The listener for errors stays: without one they would end the process.
    request.on('data', onData).on('end', stop).on('close', stop).on('error', stop);
    request.resume();
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return parseUntrustedJson(utf8.decode(bytes));
  } catch (error) {
    throw new HttpError('INVALID_JSON', 'the body must be JSON in UTF-8', { cause: error });
  }
}

/**
 * Fields as an object, `name[key]` one level deep. What is given several times becomes a list, so that a schema refuses it where it wants one
 * value. Names are data: none of them may reach a prototype.
 */
export function parseForm(text: string): Record<string, unknown> {
  // Counted before it is parsed: a body of nothing but separators would be hundreds of thousands of fields.
  if (text.split('&', mostFields + 1).length > mostFields) {
    throw new HttpError('VALIDATION_ERROR', `the form has more than ${mostFields} fields; send fewer`);
  }
  const form = emptyRecord();
  for (const [name, value] of new URLSearchParams(text)) {
    const [, outer, inner] = /^([^[\]]+)\[([^[\]]+)\]$/.exec(name) ?? [];
    if (outer === undefined || inner === undefined) {
      add(form, name, value);
      continue;
    }
    const nested = (form[outer] ??= emptyRecord());
    if (isRecord(nested)) add(nested, inner, value);
    else add(form, outer, value);
  }
  return form;
}

const mostFields = 1000;

function emptyRecord(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function add(record: Record<string, unknown>, name: string, value: string): void {
  const known = record[name];
  if (known === undefined) record[name] = value;
  else if (Array.isArray(known)) known.push(value);
  else record[name] = [known, value];
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40);
}

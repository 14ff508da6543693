import { describe, expect, test } from 'vitest';
import { outcomeOfError, outcomeOfResult } from './outcome.ts';

const success = { success: true, errorType: undefined, errorMessage: undefined };
const failure = (errorType?: string, errorMessage?: string) => ({ success: false, errorType, errorMessage });

function throwing(): never {
  throw new Error('do not touch');
}
const revoked = Proxy.revocable({}, {});
revoked.revoke();

describe('of a result', () => {
  test('success is what the result says, and true when it says nothing', () => {
    expect(outcomeOfResult({ success: true })).toEqual(success);
    expect(outcomeOfResult({ success: false })).toEqual(failure());
    for (const other of [{ success: 'no' }, { success: 0 }, { success: null }, {}, [], null, undefined, 0, '', false, 7n, Symbol('x')]) {
      expect(outcomeOfResult(other)).toEqual(success);
    }
  });

  test('a failure carries error_type and message, if they are text', () => {
    expect(outcomeOfResult({ success: false, error_type: 'OutOfStock', message: 'none left' })).toEqual(failure('OutOfStock', 'none left'));
    expect(outcomeOfResult({ success: false, error_type: Symbol('x'), message: 7n })).toEqual(failure());
    expect(outcomeOfResult({ success: false, error_type: { name: 'x' }, message: [] })).toEqual(failure());
  });

  test('an error type on a success is none', () => {
    expect(outcomeOfResult({ success: true, error_type: 'NotFound', message: 'fine' })).toEqual(success);
  });

  test('a result that cannot be read has no boolean success', () => {
    expect(outcomeOfResult(revoked.proxy)).toEqual(success);
    expect(outcomeOfResult(Object.defineProperty({}, 'success', { get: throwing }))).toEqual(success);
    const unreadable = Object.defineProperties({ success: false }, { error_type: { get: throwing }, message: { get: throwing } });
    expect(outcomeOfResult(unreadable)).toEqual(failure());
  });
});

describe('of an error', () => {
  test('is a failure with its name and message', () => {
    expect(outcomeOfError(new Error('x'))).toEqual(failure('Error', 'x'));
    expect(outcomeOfError(new RangeError('too far'))).toEqual(failure('RangeError', 'too far'));
    expect(outcomeOfError(new DOMException('stopped', 'AbortError'))).toEqual(failure('AbortError', 'stopped'));
  });

  test('a TypeError with a cause is what fetch throws: UpstreamError', () => {
    expect(outcomeOfError(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))).toEqual(
      failure('UpstreamError', 'fetch failed'),
    );
    expect(outcomeOfError(new TypeError('x is not a function'))).toEqual(failure('TypeError', 'x is not a function'));
    expect(outcomeOfError(new RangeError('x', { cause: 1 }))).toEqual(failure('RangeError', 'x'));
  });

  test('anything can be thrown', () => {
    expect(outcomeOfError('just text')).toEqual(failure(undefined, 'just text'));
    for (const thrown of [undefined, null, 7, 7n, Symbol('x'), {}, revoked.proxy]) expect(outcomeOfError(thrown)).toEqual(failure());
    const circular: { name: string; message?: unknown } = { name: 'Loop' };
    circular.message = circular;
    expect(outcomeOfError(circular)).toEqual(failure('Loop'));
  });
});

test('texts are cut to 100 and 1400 UTF-16 units', () => {
  const long = '😀'.repeat(50_000);
  expect(outcomeOfResult({ success: false, error_type: long, message: long })).toEqual(failure(long.slice(0, 100), long.slice(0, 1400)));
  expect(outcomeOfError({ name: 'n'.repeat(101), message: 'm'.repeat(1400) })).toEqual(failure('n'.repeat(100), 'm'.repeat(1400)));
  expect(outcomeOfError('\ud800')).toEqual(failure(undefined, '\ud800'));
});

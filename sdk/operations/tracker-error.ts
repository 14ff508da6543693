/**
 * - `UNKNOWN_OPERATION`: the operation is not in the catalogue; it ran, nothing was recorded.
 * - `NOT_MEASURED`: the description or the result did not allow to record the operation; it ran.
 * - `UNREACHABLE`: a batch was not taken and is tried again. Told once until a batch is taken.
 * - `QUEUE_FULL`: the oldest operations are being dropped. Told once until a batch is taken.
 * - `REFUSED`: the exporter refused a batch; it is dropped.
 * - `REJECTED`: the exporter stored a batch without this one operation.
 * - `CLOSED`: operations were not sent before the deadline of `close`, or ended after it.
 */
export type TrackerErrorCode = 'UNKNOWN_OPERATION' | 'NOT_MEASURED' | 'UNREACHABLE' | 'QUEUE_FULL' | 'REFUSED' | 'REJECTED' | 'CLOSED';

/** What `onError` is told. `cause` is the error behind it, where there is one. */
export class TrackerError extends Error {
  override readonly name = 'TrackerError';
  readonly code: TrackerErrorCode;

  constructor(code: TrackerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

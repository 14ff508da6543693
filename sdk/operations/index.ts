export { operationNames, type OperationName } from './operation-names.ts';
export { trackOperation, type OperationDescription } from './track-operation.ts';
export { createTracker, type EndedOperation, type Tracker, type TrackerStats } from './tracker.ts';
export { TrackerError, type TrackerErrorCode } from './tracker-error.ts';
export type { TrackerOptions } from './tracker-options.ts';
export { trackAll, type TrackAllOptions } from './wrap-client.ts';

import { counter, fromCode, gauge, histogram } from '../../platform/metrics/definitions.ts';
import { deviceTypes } from './device.ts';
import { endReasons } from './session.ts';

/** Every series of widget-analytics. Source: contracts/widget-analytics.md, Prometheus metrics. */
export const categories = ['engagement', 'performance', 'error', 'system', 'other'] as const;
export const directions = ['sent', 'received'] as const;
/** Why an event was not stored: the ledger of an organization. */
export const dropReasons = ['bot', 'duplicate', 'origin', 'validation', 'refused', 'rate_limited'] as const;
export type DropReason = (typeof dropReasons)[number];

/** Fleet-wide, on /metrics. */
export const fleetMetrics = {
  events: counter({
    name: 'widget_analytics_events_total',
    help: 'Widget events stored, by category; other is every category without a name of its own.',
    source: 'process',
    labels: { category: categories },
  }),
  duplicates: counter({
    name: 'widget_analytics_duplicate_events_total',
    help: 'Widget events that were already stored.',
    source: 'process',
  }),
  botEvents: counter({
    name: 'widget_analytics_bot_events_total',
    help: 'Widget events dropped as bot traffic.',
    source: 'process',
  }),
  sessionsStarted: counter({
    name: 'widget_analytics_sessions_started_total',
    help: 'Widget sessions started.',
    source: 'process',
    labels: { device_type: deviceTypes },
  }),
  sessionsEnded: counter({
    name: 'widget_analytics_sessions_ended_total',
    help: 'Widget sessions ended, by reason.',
    source: 'process',
    services: ['exporter', 'jobs'],
    labels: { reason: endReasons },
  }),
  messages: counter({
    name: 'widget_analytics_messages_total',
    help: 'Messages that visitors sent and received.',
    source: 'process',
    labels: { direction: directions },
  }),
  conversations: counter({
    name: 'widget_analytics_conversations_total',
    help: 'Widget sessions that got their first message.',
    source: 'process',
  }),
  responseDuration: histogram({
    name: 'widget_analytics_response_duration_seconds',
    help: 'Response times that widgets reported.',
    source: 'process',
    buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30],
  }),
  eventLag: histogram({
    name: 'widget_analytics_event_lag_seconds',
    help: 'Receipt minus event time of stored events.',
    source: 'process',
    buckets: [1, 10, 60, 600, 3600, 86_400],
  }),
  activeSessions: gauge({
    name: 'widget_analytics_active_sessions',
    help: 'Widget sessions that have not ended and were active within the session timeout.',
    source: 'database',
  }),
} as const;

const org = { org: fromCode } as const;

/** Per organization, on /metrics/orgs: active sessions read from the database, the rest counted in the process. */
export const orgMetrics = {
  activeSessions: gauge({
    name: 'widget_org_active_sessions',
    help: 'Active widget sessions of an organization.',
    source: 'database',
    labels: org,
  }),
  events: counter({
    name: 'widget_org_events_total',
    help: 'Widget events of an organization stored.',
    source: 'process',
    labels: org,
  }),
  sessionsStarted: counter({
    name: 'widget_org_sessions_started_total',
    help: 'Widget sessions of an organization started.',
    source: 'process',
    labels: org,
  }),
  conversations: counter({
    name: 'widget_org_conversations_total',
    help: 'Widget sessions of an organization that got their first message.',
    source: 'process',
    labels: org,
  }),
  errorEvents: counter({
    name: 'widget_org_error_events_total',
    help: 'Stored widget events of an organization with category error.',
    source: 'process',
    labels: org,
  }),
  droppedEvents: counter({
    name: 'widget_org_dropped_events_total',
    help: 'Widget events of an organization that were not stored, by reason; a request that could not be parsed counts as one.',
    source: 'process',
    labels: { ...org, reason: dropReasons },
  }),
} as const;

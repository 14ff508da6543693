import { z } from 'zod';
import type { OrgUser } from '../../platform/auth/identities.ts';
import { cleanText } from '../../platform/clean-text.ts';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import { route, type Answer, type RateLimitPolicy, type Route } from '../../platform/http/route.ts';
import { longestText, wholeNumber } from '../../platform/http/validation.ts';
import { withOrg, type Queryable } from '../../platform/postgres/pool.ts';
import { roundHalfAway } from '../../platform/rounding.ts';
import { addDays } from '../../platform/time/utc-day.ts';
import { active, devices, events, funnel, summary, topClients, topSources, trafficSources, trends } from './answers.ts';
import { funnelSteps, percentOf } from './funnel.ts';
import { ownChatbot } from './own-chatbot.ts';
import {
  readActiveSessions,
  readDayTotals,
  readDistinctVisitors,
  readFunnel,
  readSessionTotals,
  readTopEvents,
  readTopValues,
  statsWindow,
  type DayTotals,
  type Dimension,
  type StatsWindow,
  type ValueCount,
} from './queries.ts';
import type { ChatbotKey } from './rollup.ts';
import { widgetAnalyticsSessionAuditActions, widgetAnalyticsSessionRoutes } from './session-routes.ts';

/** Audit actions of this slice, so that their failure counters exist from the start. */
export const widgetAnalyticsAuditActions = widgetAnalyticsSessionAuditActions;

const prefix = '/api/analytics/widget/:chatbotId';

/** What every statistics route of a chatbot has in common. An id that is no UUID is a chatbot that does not exist, not a bad request. */
function ofChatbot({ auth }: Pick<ApiDeps, 'auth'>) {
  const rateLimit: RateLimitPolicy<OrgUser> = { policy: 'portal_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] };
  return {
    method: 'GET',
    tag: 'widget-analytics',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit,
    params: z.object({ chatbotId: z.string().meta({ description: 'A chatbot of the own organization.' }) }),
    errors: ['NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  } as const;
}

const daysUpTo = (max: number, byDefault: number) =>
  wholeNumber({ min: 1, max }).default(byDefault).meta({ description: 'UTC days, today the last.' });
const days = daysUpTo(365, 30);

/**
 * The read side of widget-analytics. Statistics of closed days come from what the nightly rollup stored, those of later days, always today,
 * from raw rows.
 */
export function widgetAnalyticsReadRoutes(deps: ApiDeps): Route[] {
  return [
    summaryRoute(deps),
    trendsRoute(deps),
    eventsRoute(deps),
    activeRoute(deps),
    trafficSourcesRoute(deps),
    devicesRoute(deps),
    funnelRoute(deps),
    ...widgetAnalyticsSessionRoutes(deps),
  ];
}

/** Runs `read` for the window of the request, on one snapshot: what arrives in between would make numbers of one answer disagree. */
async function readWindow<Figures>(
  { orgPool, now }: ApiDeps,
  chatbot: ChatbotKey,
  length: number,
  read: (db: Queryable, window: StatsWindow) => Promise<Figures>,
): Promise<{ window: StatsWindow; figures: Figures; answered: { chatbot_id: string; period_days: number } }> {
  const { window, figures } = await withOrg(
    orgPool,
    chatbot.orgId,
    async (db) => {
      const asked = await statsWindow(db, chatbot, { now: now(), days: length });
      return { window: asked, figures: await read(db, asked) };
    },
    { snapshot: true },
  );
  return { window, figures, answered: { chatbot_id: chatbot.chatbotId, period_days: length } };
}

function summaryRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/summary`,
    operationId: 'getWidgetAnalyticsSummary',
    summary: 'Sessions, visitors and conversations of a chatbot in a period',
    query: z.object({ days }),
    responses: { 200: summary },
    handler: async ({ identity, params, query }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, answered } = await readWindow(deps, chatbot, query.days, async (db, window) => ({
        totals: await readSessionTotals(db, window),
        visitors: await readDistinctVisitors(db, window),
      }));
      const { sessions, conversations, durationSumSeconds, durationCount } = figures.totals;
      const body = {
        ...answered,
        summary: {
          total_sessions: sessions,
          unique_visitors: figures.visitors,
          total_conversations: conversations,
          avg_session_duration_seconds: durationCount === 0 ? 0 : roundHalfAway(durationSumSeconds / durationCount, 2),
          conversion_rate: percentOf(conversations, sessions),
        },
      };
      return { status: 200, body };
    },
  });
}

function trendsRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/trends`,
    operationId: 'getWidgetAnalyticsTrends',
    summary: 'Sessions, conversations and messages of a chatbot by day',
    query: z.object({ days }),
    responses: { 200: trends },
    handler: async ({ identity, params, query }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, window, answered } = await readWindow(deps, chatbot, query.days, readDayTotals);
      return { status: 200, body: { ...answered, trends: everyDay(window, query.days, figures) } };
    },
  });
}

/** Newest first; a day on which nothing happened is there too. */
function everyDay({ last }: StatsWindow, length: number, totals: readonly DayTotals[]): unknown[] {
  const byDay = new Map(totals.map((total) => [total.day, total]));
  return Array.from({ length }, (_, daysAgo) => {
    const day = addDays(last, -daysAgo);
    const { sessions = 0, conversations = 0, messages = 0 } = byDay.get(day) ?? {};
    return { stat_date: day, sessions, conversations, messages, conversion_rate: percentOf(conversations, sessions) };
  });
}

function eventsRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/events`,
    operationId: 'getWidgetAnalyticsEvents',
    summary: 'The most frequent events of a chatbot in a period',
    query: z.object({ days: daysUpTo(90, 7), limit: wholeNumber({ min: 1, max: 100 }).default(10) }),
    responses: { 200: events },
    handler: async ({ identity, params, query }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, answered } = await readWindow(deps, chatbot, query.days, (db, window) => readTopEvents(db, window, query.limit));
      return { status: 200, body: { ...answered, events: figures } };
    },
  });
}

function activeRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/active`,
    operationId: 'getWidgetAnalyticsActiveSessions',
    summary: 'How many sessions of a chatbot are going on',
    description: 'Sessions that have not ended and whose last activity is less than the session timeout (30 minutes) ago.',
    responses: { 200: active },
    handler: async ({ identity, params }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const at = deps.now();
      const timeoutMs = deps.config.SESSION_TIMEOUT_MS;
      const sessions = await withOrg(deps.orgPool, chatbot.orgId, (db) => readActiveSessions(db, chatbot, { now: at, timeoutMs }));
      return { status: 200, body: { chatbot_id: chatbot.chatbotId, active_sessions: sessions, timestamp: at.toISOString() } };
    },
  });
}

/** The counts of one dimension under the name that the answer has for its values. */
function countsOf(counts: readonly ValueCount[], dimension: Dimension, name: string): unknown[] {
  return counts.filter((counted) => counted.dimension === dimension).map(({ value, count }) => ({ [name]: value, count }));
}

function trafficSourcesRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/traffic-sources`,
    operationId: 'getWidgetAnalyticsTrafficSources',
    summary: 'Where the sessions of a chatbot came from in a period',
    query: z.object({ days }),
    responses: { 200: trafficSources },
    handler: async ({ identity, params, query }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, answered } = await readWindow(deps, chatbot, query.days, (db, window) =>
        readTopValues(db, window, ['utm_source', 'referrer'], topSources),
      );
      const body = {
        ...answered,
        utm_sources: countsOf(figures, 'utm_source', 'source'),
        referrers: countsOf(figures, 'referrer', 'domain'),
      };
      return { status: 200, body };
    },
  });
}

function devicesRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/devices`,
    operationId: 'getWidgetAnalyticsDevices',
    summary: 'With what devices, browsers and systems the sessions of a chatbot came in a period',
    query: z.object({ days }),
    responses: { 200: devices },
    handler: async ({ identity, params, query }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, answered } = await readWindow(deps, chatbot, query.days, (db, window) =>
        readTopValues(db, window, ['device', 'browser', 'os'], topClients),
      );
      const body = {
        ...answered,
        devices: countsOf(figures, 'device', 'type'),
        browsers: countsOf(figures, 'browser', 'name'),
        operating_systems: countsOf(figures, 'os', 'name'),
      };
      return { status: 200, body };
    },
  });
}

const stepNames = z
  .string()
  .transform((text) => cleanText(text).split(','))
  .pipe(
    z
      .array(z.string().min(1, 'must not be empty').check(longestText(100)))
      .min(2, 'must be at least 2 event names, separated by commas')
      .max(10, 'must be at most 10 event names, separated by commas'),
  );

function funnelRoute(deps: ApiDeps): Route {
  return route({
    ...ofChatbot(deps),
    path: `${prefix}/funnel`,
    operationId: 'getWidgetAnalyticsFunnel',
    summary: 'How many sessions or visitors of a chatbot go through a list of events in order',
    description:
      'A session or visitor reaches a step by an event for it that is later than the one for the step before; other events may lie in between. ' +
      'All of them are in the period.',
    query: z.object({
      steps: stepNames.meta({
        description: '2 to 10 event names, separated by commas, such as `widget_loaded,widget_opened,message_sent`.',
      }),
      scope: z
        .enum(['session', 'visitor'], 'must be session or visitor')
        .default('session')
        .meta({ description: 'What goes through the steps. Events without an anonymous id belong to no visitor.' }),
      days: daysUpTo(90, 30),
    }),
    responses: { 200: funnel },
    handler: async ({ identity, params, query: { steps, scope, days: length } }): Promise<Answer> => {
      const chatbot = await ownChatbot(deps.directory, identity, params.chatbotId);
      const { figures, answered } = await readWindow(deps, chatbot, length, (db, { first, last }) =>
        readFunnel(db, { ...chatbot, first, last, scope, steps }),
      );
      const body = {
        ...answered,
        scope,
        overall_conversion_rate: percentOf(figures.at(-1) ?? 0, figures[0] ?? 0),
        steps: funnelSteps(steps, figures),
      };
      return { status: 200, body };
    },
  });
}

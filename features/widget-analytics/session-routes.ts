import { z } from 'zod';
import { digestOf } from '../../platform/auth/secrets.ts';
import type { OrgUser } from '../../platform/auth/identities.ts';
import { cleanText } from '../../platform/clean-text.ts';
import type { ApiDeps } from '../../platform/http/api-slice.ts';
import type { AnswerStream } from '../../platform/http/answer-stream.ts';
import { HttpError, validationError } from '../../platform/http/errors.ts';
import { route, type Answer, type RateLimitPolicy, type Route } from '../../platform/http/route.ts';
import { longestText, timestamp, wholeNumber } from '../../platform/http/validation.ts';
import { eachWithOrg, withOrg, type Queryable } from '../../platform/postgres/pool.ts';
import { addDays, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { csvLine, csvLines, exportContentTypes, ndjsonLines, type ExportFormat } from './export-format.ts';
import { ownChatbot } from './own-chatbot.ts';
import type { ChatbotKey } from './rollup.ts';
import { endReasons } from './session.ts';
import { deleteSubject } from './session-ingest.ts';
import {
  eventColumns,
  readEventsOfDays,
  readSessionPage,
  readSessionsOfDays,
  readSubjectEvents,
  readSubjectSessions,
  readSubjectVisitors,
  exportedSessionColumns,
  type DataSubject,
  type SessionRow,
} from './session-queries.ts';

const exportAction = 'widget.export';
const subjectExportAction = 'widget.data_subject.export';
const subjectDeleteAction = 'widget.data_subject.delete';

/** Audit actions of these routes, so that their failure counters exist from the start. */
export const widgetAnalyticsSessionAuditActions = [exportAction, subjectExportAction, subjectDeleteAction] as const;

const prefix = '/api/analytics/widget/:chatbotId';
const params = z.object({ chatbotId: z.string() });
const portalRead: RateLimitPolicy<OrgUser> = { policy: 'portal_read', keys: ({ identity }) => [{ key: identity.sub, perMinute: 120 }] };
const portalWrite: RateLimitPolicy<OrgUser> = { policy: 'portal_write', keys: ({ identity }) => [{ key: identity.sub, perMinute: 30 }] };

const text = z.string().nullable();
const count = z.int().min(0);
const optionalCount = count.nullable();
const moment = timestamp.nullable();
const anyObject = z.record(z.string(), z.unknown());

const session = z.object({
  id: z.string(),
  chatbot_id: z.string(),
  session_id: z.string(),
  anonymous_id: text,
  user_id: text,
  user_email: text,
  user_name: text,
  user_metadata: anyObject,
  started_at: timestamp,
  last_activity_at: timestamp,
  ended_at: moment,
  end_reason: z.enum(endReasons).nullable(),
  duration_seconds: optionalCount.meta({ description: 'Null until the session has ended.' }),
  referrer: text,
  landing_page: text,
  utm_source: text,
  utm_medium: text,
  utm_campaign: text,
  utm_term: text,
  utm_content: text,
  user_agent: text,
  browser_name: text,
  browser_version: text,
  os_name: text,
  os_version: text,
  device_type: z.enum(['desktop', 'mobile', 'tablet']),
  screen_width: optionalCount,
  screen_height: optionalCount,
  ip_address: text.meta({ description: 'The network of the visitor: /24 or /48. The address itself is never stored.' }),
  country_code: text,
  city: text,
  messages_sent: count,
  messages_received: count,
  widget_opened_count: count,
  widget_minimized_count: count,
  avg_response_time_ms: optionalCount,
  had_conversation: z.boolean(),
  completed_pre_chat_form: z.boolean(),
  triggered_by: text,
  created_at: timestamp,
  updated_at: timestamp,
});

const sessionPage = z
  .object({ chatbot_id: z.string(), page: count, limit: count, total: count, sessions: z.array(session) })
  .meta({ id: 'WidgetSessions' });

const visitor = z.object({ chatbot_id: z.string(), anonymous_id: z.string(), first_seen_at: timestamp, last_seen_at: timestamp });

const event = z.object({
  chatbot_id: z.string(),
  event_date: z.iso.date(),
  id: z.string(),
  session_id: z.string(),
  session_started_at: timestamp,
  anonymous_id: text,
  user_id: text,
  event_name: z.string(),
  event_category: text,
  properties: anyObject,
  page_url: text,
  page_title: text,
  seq: count,
  timestamp,
  client_timestamp: moment,
  created_at: timestamp,
});

const subjectTypes = ['user_id', 'anonymous_id'] as const;
const subjectIdentity = z.object({ type: z.enum(subjectTypes), value: z.string() });

const subjectData = z
  .object({
    chatbot_id: z.string(),
    subject: subjectIdentity,
    exported_at: timestamp,
    visitors: z.array(visitor),
    sessions: z.array(session.extend({ response_time_sum_ms: count, response_time_count: count })),
    events: z.array(event),
  })
  .meta({ id: 'WidgetDataSubject' });

const subjectReceipt = z
  .object({ chatbot_id: z.string(), subject: subjectIdentity, events_deleted: count, sessions_deleted: count, visitors_deleted: count })
  .meta({ id: 'WidgetDataSubjectDeletion' });

/** Sessions one by one: to look at, to take away, and to have one person's removed. */
export function widgetAnalyticsSessionRoutes(deps: ApiDeps): Route[] {
  return [sessionsRoute(deps), exportRoute(deps), subjectReadRoute(deps), subjectDeleteRoute(deps)];
}

const mostListed = 10_000;

function sessionsRoute({ orgPool, directory, auth }: ApiDeps): Route {
  return route({
    method: 'GET',
    path: `${prefix}/sessions`,
    operationId: 'listWidgetSessions',
    tag: 'widget-analytics',
    summary: 'Sessions of a chatbot, newest first',
    description: `The first ${mostListed.toLocaleString('en')} can be paged through; \`/export\` has all of them.`,
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalRead,
    params,
    query: z.object({
      page: wholeNumber({ min: 1, max: mostListed }).default(1),
      limit: wholeNumber({ min: 1, max: 100 }).default(20),
    }),
    responses: { 200: sessionPage },
    errors: ['NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, params: { chatbotId }, query }): Promise<Answer> => {
      const { page, limit } = query;
      if (page * limit > mostListed) {
        const message = `times limit must be at most ${mostListed}: take the rest from GET ${prefix}/export?dataset=sessions`;
        throw validationError([{ path: 'page', message }]);
      }
      const chatbot = await ownChatbot(directory, identity, chatbotId);
      const { total, sessions } = await withOrg(orgPool, chatbot.orgId, (db) => readSessionPage(db, chatbot, query), { snapshot: true });
      return { status: 200, body: { chatbot_id: chatbot.chatbotId, page, limit, total, sessions: sessions.map(withoutSums) } };
    },
  });
}

function withoutSums({ response_time_sum_ms: _sum, response_time_count: _count, ...shown }: SessionRow): Partial<SessionRow> {
  return shown;
}

const datasets = {
  events: { columns: eventColumns, read: readEventsOfDays },
  sessions: { columns: exportedSessionColumns, read: readSessionsOfDays },
} as const;

function exportRoute(deps: ApiDeps): Route {
  const { auth, now } = deps;
  return route({
    method: 'GET',
    path: `${prefix}/export`,
    operationId: 'exportWidgetData',
    tag: 'widget-analytics',
    summary: 'All events or sessions of a period as a file',
    description:
      'For owners; recorded in the audit log. Rows come day by day, sessions oldest first, events of a day by id, with the columns of the table. ' +
      "In CSV a cell that a spreadsheet would take for a formula begins with `'`. It is not one snapshot: what arrives or goes meanwhile may be " +
      'in it or not. A download that ends without its last chunk is not complete: repeat it.',
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalRead,
    params,
    query: z.object({
      dataset: z.enum(['events', 'sessions'], 'must be events or sessions'),
      format: z.enum(['csv', 'ndjson'], 'must be csv or ndjson').default('ndjson'),
      days: wholeNumber({ min: 1, max: 90 }).default(30),
    }),
    responses: {
      200: {
        description: 'The rows',
        contentTypes: ['application/x-ndjson', 'text/csv'],
        headers: { 'Content-Disposition': 'Always an attachment, with a name for the file' },
      },
    },
    errors: ['FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, params: { chatbotId }, query, requestId }): Promise<Answer> => {
      const chatbot = await chatbotOfOwner(deps, identity, chatbotId);
      const to = utcDayOf(now());
      const period = { from: addDays(to, 1 - query.days), to };
      await recordAccess(deps, identity, exportAction, { requestId, chatbotId: chatbot.chatbotId, ...query });
      return {
        status: 200,
        headers: {
          'Content-Type': exportContentTypes[query.format],
          'Content-Disposition': `attachment; filename="widget-${query.dataset}-${chatbot.chatbotId}-${period.from}-${period.to}.${query.format}"`,
        },
        stream: (out) => writeExport(eachWithOrg(deps.exportPool, chatbot.orgId), out, { chatbot, period, ...query }),
      };
    },
  });
}

/** The head goes out with the first rows: while the database is away the answer can still be an error. */
async function writeExport(
  db: Queryable,
  out: AnswerStream,
  options: { chatbot: ChatbotKey; period: { from: UtcDay; to: UtcDay }; dataset: keyof typeof datasets; format: ExportFormat },
): Promise<void> {
  const { columns, read } = datasets[options.dataset];
  const isCsv = options.format === 'csv';
  let head = isCsv ? csvLine(columns) : '';
  for await (const rows of read(db, options.chatbot, options.period)) {
    await out.write(head + (isCsv ? csvLines(columns, rows) : ndjsonLines(rows)));
    head = '';
  }
  if (head !== '') await out.write(head);
}

const subjectId = z.string().overwrite(cleanText).min(1, 'must not be empty').check(longestText(200)).optional();
const subjectQuery = z
  .object({
    user_id: subjectId.meta({ description: 'The id that `user.id` carried. Exactly one of the two.' }),
    anonymous_id: subjectId.meta({ description: 'The id that `anonymousId` carried.' }),
  })
  .refine((query) => (query.user_id === undefined) !== (query.anonymous_id === undefined), {
    path: ['user_id'],
    message: 'or anonymous_id must be given, and not both',
  });

const subjectNote =
  'For owners; recorded in the audit log with the SHA-256 of the id. The sessions of a person are those that carry the id; their events are ' +
  'those that carry it, and all events of those sessions.';

function subjectReadRoute(deps: ApiDeps): Route {
  const { auth, now } = deps;
  return route({
    method: 'GET',
    path: `${prefix}/data-subject`,
    operationId: 'exportWidgetDataSubject',
    tag: 'widget-analytics',
    summary: "One person's data",
    description: subjectNote,
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalRead,
    params,
    query: subjectQuery,
    responses: { 200: subjectData },
    errors: ['FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, params: { chatbotId }, query, requestId }): Promise<Answer> => {
      const subject = subjectOf(await chatbotOfOwner(deps, identity, chatbotId), query);
      await recordAccess(deps, identity, subjectExportAction, subjectDetails(subject, requestId));
      const exportedAt = now();
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json; charset=utf-8' },
        stream: (out) => writeSubject(eachWithOrg(deps.exportPool, subject.orgId), out, subject, exportedAt),
      };
    },
  });
}

async function writeSubject(db: Queryable, out: AnswerStream, subject: DataSubject, exportedAt: Date): Promise<void> {
  const head = { ...presentSubject(subject), exported_at: exportedAt.toISOString() };
  await writeList(out, `${JSON.stringify(head).slice(0, -1)},"visitors":[`, readSubjectVisitors(db, subject));
  await writeList(out, ',"sessions":[', readSubjectSessions(db, subject));
  await writeList(out, ',"events":[', readSubjectEvents(db, subject));
  await out.write('}');
}

async function writeList(out: AnswerStream, opening: string, pages: AsyncIterable<readonly unknown[]>): Promise<void> {
  let before = opening;
  for await (const rows of pages) {
    await out.write(before + rows.map((row) => JSON.stringify(row)).join(','));
    before = ',';
  }
  await out.write(before === opening ? `${opening}]` : ']');
}

function subjectDeleteRoute(deps: ApiDeps): Route {
  const { removalPool, auth } = deps;
  return route({
    method: 'DELETE',
    path: `${prefix}/data-subject`,
    operationId: 'deleteWidgetDataSubject',
    tag: 'widget-analytics',
    summary: "Removes one person's data",
    description: `${subjectNote} Daily statistics keep their numbers until their day is made anew. Repeating it is safe.`,
    identity: auth.orgUser,
    cors: 'portal',
    rateLimit: portalWrite,
    params,
    query: subjectQuery,
    responses: { 200: subjectReceipt },
    errors: ['FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE'],
    handler: async ({ identity, params: { chatbotId }, query, requestId }): Promise<Answer> => {
      const subject = subjectOf(await chatbotOfOwner(deps, identity, chatbotId), query);
      const deleted = await withOrg(removalPool, subject.orgId, (db) => deleteSubject(db, subject));
      const receipt = { events_deleted: deleted.events, sessions_deleted: deleted.sessions, visitors_deleted: deleted.visitors };
      await recordAccess(deps, identity, subjectDeleteAction, { ...subjectDetails(subject, requestId), ...receipt });
      return { status: 200, body: { ...presentSubject(subject), ...receipt } };
    },
  });
}

async function chatbotOfOwner({ directory }: ApiDeps, identity: OrgUser, chatbotId: string): Promise<ChatbotKey> {
  const chatbot = await ownChatbot(directory, identity, chatbotId);
  if (identity.role !== 'owner') throw new HttpError('FORBIDDEN', 'this is for owners of the organization: ask one of them');
  return chatbot;
}

function subjectOf(chatbot: ChatbotKey, { user_id: userId, anonymous_id: anonymousId }: z.output<typeof subjectQuery>): DataSubject {
  if (userId !== undefined) return { ...chatbot, type: 'user_id', value: userId };
  return { ...chatbot, type: 'anonymous_id', value: anonymousId ?? '' };
}

function presentSubject({ chatbotId, type, value }: DataSubject): { chatbot_id: string; subject: z.output<typeof subjectIdentity> } {
  return { chatbot_id: chatbotId, subject: { type, value } };
}

/** The audit trail says that it was this person to whoever knows the id, and to nobody else. */
function subjectDetails({ chatbotId, type, value }: DataSubject, requestId: string): Record<string, unknown> {
  return { requestId, chatbotId, subjectType: type, subjectSha256: digestOf(value).toString('hex') };
}

/** In a transaction of its own: an audit row that cannot be written undoes nothing. */
async function recordAccess(deps: ApiDeps, identity: OrgUser, action: string, details: Record<string, unknown>): Promise<void> {
  const orgId = identity.organization.id;
  await deps.audit.attempt(action, () =>
    withOrg(deps.orgPool, orgId, (db) => deps.audit.write(db, { orgId, actor: identity.actor, action, details })),
  );
}

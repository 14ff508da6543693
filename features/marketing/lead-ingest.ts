import type { Queryable } from '../../platform/postgres/pool.ts';
import { consentAfterCapture, type ConsentStatus, type RequestedConsent } from './consent.ts';
import type { MarketingEvent } from './stored-event.ts';

/** What a form says of a person, beside its event. The e-mail address is in lower case. */
export interface LeadCapture {
  email: string;
  formName: string;
  sourceChannel: string | undefined;
  consent: RequestedConsent | undefined;
  payload: Readonly<Record<string, unknown>> | undefined;
}

export interface CapturedLead {
  leadId: string;
  /** `repeat`: the same form was sent again; the log of consents alone has it twice. */
  kind: 'new' | 'known' | 'repeat';
  /** What the consent was changed to, if it was. */
  consentChangedTo: ConsentStatus | undefined;
  linksCreated: number;
}

interface CaptureInput {
  capture: LeadCapture;
  event: MarketingEvent;
  outcome: { isDuplicate: boolean; visitorId: string; sessionId: string };
  linksByFingerprint: boolean;
}

/** Within one transaction with the event: lead, identities, submission, consent. Locks the lead. Source: contracts/marketing.md. */
export async function captureLead(db: Queryable, input: CaptureInput): Promise<CapturedLead> {
  const lead = await upsertLead(db, input);
  const isRepeat = input.outcome.isDuplicate && (await hasSubmission(db, lead.id, input));
  const status = consentAfterCapture(lead.consent_status, input.capture.consent);
  const isChanged = status !== undefined && status !== lead.consent_status;
  const linksCreated = await addCapture(db, lead.id, { ...input, isRepeat, consent: status });
  return {
    leadId: lead.id,
    kind: isRepeat ? 'repeat' : lead.is_new ? 'new' : 'known',
    consentChangedTo: isChanged ? status : undefined,
    linksCreated,
  };
}

interface Lead {
  id: string;
  consent_status: ConsentStatus;
  is_new: boolean;
}

async function upsertLead(db: Queryable, { capture, event }: CaptureInput): Promise<Lead> {
  const { rows } = await db.query<Lead & Record<string, unknown>>({
    name: 'marketing_lead_upsert',
    text: `
      insert into marketing.leads as stored (id, email, email_domain, source_channel, first_captured_at, last_captured_at)
      values (gen_random_uuid(), $1, $2, $3, $4, $4)
      on conflict (email) do update set
        email_domain = excluded.email_domain,
        source_channel = coalesce(excluded.source_channel, stored.source_channel),
        last_captured_at = greatest(stored.last_captured_at, excluded.last_captured_at)
      -- A row that was inserted has not been locked by anybody.
      returning stored.id, stored.consent_status, stored.xmax = 0 as is_new`,
    values: [capture.email, capture.email.slice(capture.email.lastIndexOf('@') + 1), capture.sourceChannel ?? null, event.receivedAt],
  });
  const [lead] = rows;
  if (lead === undefined) throw new Error('the database did not return the lead that it stored');
  return lead;
}

const payloadOf = ({ payload }: LeadCapture): string | null => (payload === undefined ? null : JSON.stringify(payload));

/** Its event is a duplicate: the same form of the same person, a moment ago, is the same submission. */
async function hasSubmission(db: Queryable, leadId: string, { capture, event, outcome }: CaptureInput): Promise<boolean> {
  const { rows } = await db.query({
    name: 'marketing_submission_known',
    text: `
      select from marketing.form_submissions submissions
      where submissions.lead_id = $1 and submissions.visitor_id = $2 and submissions.session_id = $3
        and submissions.form_name = $4 and submissions.path = $5 and submissions.payload is not distinct from $6::jsonb
        and submissions.submitted_at >= $7::timestamptz - interval '1 minute'
      limit 1`,
    values: [leadId, outcome.visitorId, outcome.sessionId, capture.formName, event.path, payloadOf(capture), event.receivedAt],
  });
  return rows.length > 0;
}

/**
 * What a form leaves behind beside its event, in one statement: other transactions wait for the lead and the visitors of this one. Links other
 * visitors with this address and browser who were here a moment ago; answers how many were linked anew.
 */
async function addCapture(
  db: Queryable,
  leadId: string,
  input: CaptureInput & { isRepeat: boolean; consent: ConsentStatus | undefined },
): Promise<number> {
  const { capture, event, outcome, linksByFingerprint, isRepeat, consent } = input;
  const { rows } = await db.query<{ links: number }>({
    name: 'marketing_capture',
    text: `
      with linked as (
        insert into marketing.lead_identities as stored (lead_id, visitor_id, link_source, confidence, linked_at)
        select $1::uuid, $2::uuid, 'form_submit', 1, $3::timestamptz
        where $4::boolean
        on conflict (lead_id, visitor_id, link_source) do update set confidence = excluded.confidence
          where stored.confidence < excluded.confidence
      ),
      links as (
        insert into marketing.lead_identities (lead_id, visitor_id, link_source, confidence, linked_at)
        select $1::uuid, alike.id, 'same_ip_ua_window', 0.35, $3::timestamptz
        from (
          select visitors.id
          from marketing.visitors visitors
          where $5::boolean and visitors.last_ip_hash = $6::char(64) and visitors.last_ua_hash = $7::char(64) and visitors.id <> $2::uuid
            and visitors.last_seen_at >= $3::timestamptz - interval '15 minutes'
          order by visitors.last_seen_at desc, visitors.id
          limit 20
        ) alike
        on conflict (lead_id, visitor_id, link_source) do nothing
        returning 1
      ),
      submitted as (
        insert into marketing.form_submissions (
          property_id, lead_id, visitor_id, session_id, form_name, path, payload, validation_status, submitted_at)
        select $8::text, $1::uuid, $2::uuid, $9::uuid, $10::text, $11::text, $12::jsonb, 'accepted', $3::timestamptz
        where $4::boolean
      ),
      consented as (
        update marketing.leads leads set consent_status = $13::text
        where leads.id = $1::uuid and leads.consent_status <> $13::text
      ),
      logged as (
        insert into marketing.consent_events (lead_id, status, source, ip_hash, created_at)
        select $1::uuid, $13::text, 'form_submit', $6::char(64), $3::timestamptz
        where $13::text is not null
      )
      select count(*) as links from links`,
    values: [
      leadId,
      outcome.visitorId,
      event.receivedAt,
      !isRepeat,
      !isRepeat && linksByFingerprint,
      event.ipHash,
      event.uaHash,
      event.propertyId,
      outcome.sessionId,
      capture.formName,
      event.path,
      payloadOf(capture),
      consent ?? null,
    ],
  });
  return rows[0]?.links ?? 0;
}

/** Sets a lead to withdrawn and logs it; undefined when nobody has this address. In a transaction. */
export async function unsubscribeLead(
  transaction: Queryable,
  { email, ipHash, at }: { email: string; ipHash: string; at: Date },
): Promise<{ changed: boolean } | undefined> {
  const { rows } = await transaction.query<{ id: string; consent_status: ConsentStatus }>(
    'select leads.id, leads.consent_status from marketing.leads leads where leads.email = $1 for update',
    [email],
  );
  const [lead] = rows;
  if (lead === undefined) return undefined;
  const changed = lead.consent_status !== 'withdrawn';
  if (changed) await transaction.query(`update marketing.leads leads set consent_status = 'withdrawn' where leads.id = $1`, [lead.id]);
  await transaction.query(
    `insert into marketing.consent_events (lead_id, status, source, ip_hash, created_at) values ($1, 'withdrawn', 'unsubscribe', $2, $3)`,
    [lead.id, ipHash, at],
  );
  return { changed };
}

/**
 * Deletes a lead and what its forms said; identities and the consent log go with it, submissions and events stay without a name. Undefined
 * when nobody has this address. In a transaction. The lock comes first: a capture at the same time would leave its payload behind.
 */
export async function deleteLead(transaction: Queryable, email: string): Promise<{ submissions: number } | undefined> {
  const { rows } = await transaction.query<{ id: string }>('select leads.id from marketing.leads leads where leads.email = $1 for update', [
    email,
  ]);
  const [lead] = rows;
  if (lead === undefined) return undefined;
  const { rowCount } = await transaction.query(
    'update marketing.form_submissions submissions set payload = null where submissions.lead_id = $1',
    [lead.id],
  );
  await transaction.query('delete from marketing.leads leads where leads.id = $1', [lead.id]);
  return { submissions: rowCount ?? 0 };
}

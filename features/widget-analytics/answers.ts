import { z } from 'zod';
import { timestamp } from '../../platform/http/validation.ts';

/** What the statistics routes answer. Source: contracts/widget-analytics.md, Read API. */
const count = z.int().min(0);
const percent = z.number().min(0).max(100).meta({ description: 'In percent, two decimals; 0 of nothing.' });
const ofChatbot = { chatbot_id: z.guid() };
const ofPeriod = { ...ofChatbot, period_days: z.int().min(1).meta({ description: 'UTC days, today the last.' }) };
const chatbotId = '3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10';

/** In lists: how many sessions at most are named by what they came from, and by what they came with. */
export const topSources = 100;
export const topClients = 10;

export const summary = z
  .object({
    ...ofPeriod,
    summary: z.object({
      total_sessions: count.meta({ description: 'Sessions that started in the period.' }),
      unique_visitors: count.meta({ description: 'Distinct over the whole period.' }),
      total_conversations: count.meta({ description: 'Sessions with a message of the visitor.' }),
      avg_session_duration_seconds: z.number().min(0).meta({ description: 'Of the sessions that have ended, two decimals; 0 of none.' }),
      conversion_rate: percent.meta({ description: 'Conversations per session, in percent, two decimals.' }),
    }),
  })
  .meta({
    id: 'WidgetAnalyticsSummary',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 30,
        summary: {
          total_sessions: 412,
          unique_visitors: 288,
          total_conversations: 97,
          avg_session_duration_seconds: 183.42,
          conversion_rate: 23.54,
        },
      },
    ],
  });

export const trends = z
  .object({
    ...ofPeriod,
    trends: z
      .array(z.object({ stat_date: z.iso.date(), sessions: count, conversations: count, messages: count, conversion_rate: percent }))
      .meta({ description: 'Each day of the period, newest first.' }),
  })
  .meta({
    id: 'WidgetAnalyticsTrends',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 2,
        trends: [
          { stat_date: '2026-02-13', sessions: 12, conversations: 3, messages: 20, conversion_rate: 25 },
          { stat_date: '2026-02-12', sessions: 0, conversations: 0, messages: 0, conversion_rate: 0 },
        ],
      },
    ],
  });

export const events = z
  .object({
    ...ofPeriod,
    events: z
      .array(
        z.object({
          event_name: z.string(),
          event_count: count,
          unique_sessions: count.meta({ description: 'Distinct over the whole period.' }),
        }),
      )
      .meta({ description: 'Most frequent first, then by name.' }),
  })
  .meta({
    id: 'WidgetAnalyticsEvents',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 7,
        events: [
          { event_name: 'widget_loaded', event_count: 412, unique_sessions: 405 },
          { event_name: 'message_sent', event_count: 310, unique_sessions: 97 },
        ],
      },
    ],
  });

export const active = z
  .object({ ...ofChatbot, active_sessions: count, timestamp })
  .meta({ id: 'WidgetAnalyticsActive', examples: [{ chatbot_id: chatbotId, active_sessions: 4, timestamp: '2026-02-13T10:00:00.000Z' }] });

export const trafficSources = z
  .object({
    ...ofPeriod,
    utm_sources: z
      .array(z.object({ source: z.string(), count }))
      .max(topSources)
      .meta({ description: 'Sessions by utm_source, most frequent first, then by name.' }),
    referrers: z
      .array(z.object({ domain: z.string().meta({ description: 'Host name of the referrer; `direct` when it is no URL.' }), count }))
      .max(topSources)
      .meta({ description: 'Sessions with a referrer, most frequent first, then by name.' }),
  })
  .meta({
    id: 'WidgetAnalyticsTrafficSources',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 30,
        utm_sources: [{ source: 'google', count: 41 }],
        referrers: [
          { domain: 'www.example.com', count: 120 },
          { domain: 'direct', count: 2 },
        ],
      },
    ],
  });

const named = z.array(z.object({ name: z.string(), count })).max(topClients);
export const devices = z
  .object({
    ...ofPeriod,
    devices: z.array(z.object({ type: z.enum(['desktop', 'mobile', 'tablet']), count })),
    browsers: named.meta({ description: 'The ten most frequent; `unknown` when the user agent did not say.' }),
    operating_systems: named.meta({ description: 'The ten most frequent; `unknown` when the user agent did not say.' }),
  })
  .meta({
    id: 'WidgetAnalyticsDevices',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 30,
        devices: [
          { type: 'desktop', count: 250 },
          { type: 'mobile', count: 162 },
        ],
        browsers: [
          { name: 'Chrome', count: 301 },
          { name: 'unknown', count: 111 },
        ],
        operating_systems: [
          { name: 'Windows', count: 250 },
          { name: 'Android', count: 162 },
        ],
      },
    ],
  });

export const funnel = z
  .object({
    ...ofPeriod,
    scope: z.enum(['session', 'visitor']),
    overall_conversion_rate: percent.meta({ description: 'Of those at the first step, how many reach the last one; in percent.' }),
    steps: z.array(
      z.object({
        step: z.int().min(1),
        event_name: z.string(),
        count: count.meta({ description: 'How many have an event for each step up to this one, in order.' }),
        conversion_rate: percent.meta({ description: 'Of those at the first step, in percent.' }),
        step_conversion_rate: percent.meta({ description: 'Of those at the step before, in percent.' }),
        drop_off: count.meta({ description: 'How many reached the step before and not this one.' }),
        drop_off_rate: percent,
      }),
    ),
  })
  .meta({
    id: 'WidgetAnalyticsFunnel',
    examples: [
      {
        chatbot_id: chatbotId,
        period_days: 30,
        scope: 'session',
        overall_conversion_rate: 12.5,
        steps: [
          {
            step: 1,
            event_name: 'widget_loaded',
            count: 400,
            conversion_rate: 100,
            step_conversion_rate: 100,
            drop_off: 0,
            drop_off_rate: 0,
          },
          {
            step: 2,
            event_name: 'widget_opened',
            count: 200,
            conversion_rate: 50,
            step_conversion_rate: 50,
            drop_off: 200,
            drop_off_rate: 50,
          },
          {
            step: 3,
            event_name: 'message_sent',
            count: 50,
            conversion_rate: 12.5,
            step_conversion_rate: 25,
            drop_off: 150,
            drop_off_rate: 75,
          },
        ],
      },
    ],
  });

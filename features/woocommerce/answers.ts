import { z } from 'zod';
import { timestamp } from '../../platform/http/validation.ts';
import { errorTypes, operationNames } from './catalogue.ts';
import { topDomains, topMessages } from './queries.ts';

/** What the read routes answer. Source: contracts/woocommerce.md, Read API. */
const operation = z.enum(operationNames);
const given = z.object({ domain: z.string().optional(), operation: operation.optional() });
const count = z.int().min(0);
const milliseconds = count;
const percent = z.number().min(0).max(100);
const change = z.number().nullable();
const percentile = milliseconds.meta({ description: 'Within 1 % of the exact percentile; 0 of nothing.' });
const figures = {
  total_operations: count,
  success_rate: percent.meta({ description: 'In percent; 0 of nothing.' }),
  avg_duration_ms: milliseconds,
  p50_duration_ms: percentile,
  p95_duration_ms: percentile,
  p99_duration_ms: percentile,
};

export const analytics = z
  .object({
    success: z.literal(true),
    data: z.object({
      metrics: z
        .array(
          z.object({
            id: z.guid(),
            operation,
            duration_ms: milliseconds,
            success: z.boolean(),
            error_type: z.enum(errorTypes).nullable().meta({ description: 'Null of a success.' }),
            error_message: z.string().nullable(),
            domain: z.string(),
            customer_config_id: z.guid().nullable().meta({ description: 'Null when the organization has no such shop set up.' }),
            user_agent: z.string().nullable(),
            created_at: timestamp.meta({ description: 'When it ended.' }),
          }),
        )
        .meta({ description: 'The newest operations, at most `limit` of them.' }),
      stats: z
        .object({
          ...figures,
          operations_by_type: z.partialRecord(operation, count).meta({ description: 'Most frequent first.' }),
          errors_by_type: z.partialRecord(z.enum(errorTypes), count).meta({ description: 'Failures, most frequent first.' }),
        })
        .meta({ description: 'Of all operations of the period, whatever the limit.' }),
      filters: given.extend({ days: count, limit: count }),
    }),
  })
  .meta({
    id: 'WooCommerceAnalytics',
    examples: [
      {
        success: true,
        data: {
          metrics: [
            {
              id: '7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10',
              operation: 'search_products',
              duration_ms: 2067,
              success: true,
              error_type: null,
              error_message: null,
              domain: 'shop.example',
              customer_config_id: '3d5f0c2e-9a41-4c0e-8d0b-52f5c1a7e611',
              user_agent: null,
              created_at: '2026-02-13T09:59:00.000Z',
            },
          ],
          stats: {
            total_operations: 17,
            success_rate: 64.7,
            avg_duration_ms: 833,
            p50_duration_ms: 130,
            p95_duration_ms: 2400,
            p99_duration_ms: 2400,
            operations_by_type: { search_products: 8, validate_coupon: 5, add_to_cart: 4 },
            errors_by_type: { ValidationError: 3, CouponInvalid: 2, NotFound: 1 },
          },
          filters: { domain: 'shop.example', days: 7, limit: 1 },
        },
      },
    ],
  });

export const trends = z
  .object({
    success: z.literal(true),
    data: z.object({
      weeks: z
        .array(z.object({ week: count, from: z.iso.date(), to: z.iso.date(), ...figures }))
        .meta({ description: 'Seven UTC days each, both ends included; week 0 ends today.' }),
      change: z
        .object({ total_operations_pct: change, success_rate_points: change, avg_duration_pct: change, p95_duration_pct: change })
        .meta({ description: 'Week 0 against week 1; null when there is nothing to compare with.' }),
      by_operation: z.array(z.object({ operation, current: count, previous: count, change_pct: change })),
      filters: given.extend({ weeks: count }),
    }),
  })
  .meta({
    id: 'WooCommerceTrends',
    examples: [
      {
        success: true,
        data: {
          weeks: [
            {
              week: 0,
              from: '2026-02-07',
              to: '2026-02-13',
              total_operations: 120,
              success_rate: 95.8,
              avg_duration_ms: 640,
              p50_duration_ms: 408,
              p95_duration_ms: 2101,
              p99_duration_ms: 2893,
            },
            {
              week: 1,
              from: '2026-01-31',
              to: '2026-02-06',
              total_operations: 100,
              success_rate: 94,
              avg_duration_ms: 700,
              p50_duration_ms: 450,
              p95_duration_ms: 2187,
              p99_duration_ms: 3072,
            },
          ],
          change: { total_operations_pct: 20, success_rate_points: 1.8, avg_duration_pct: -8.6, p95_duration_pct: -3.9 },
          by_operation: [
            { operation: 'search_products', current: 60, previous: 50, change_pct: 20 },
            { operation: 'get_cart', current: 40, previous: 50, change_pct: -20 },
            { operation: 'check_order', current: 20, previous: 0, change_pct: null },
          ],
          filters: { weeks: 2 },
        },
      },
    ],
  });

export const errors = z
  .object({
    success: z.literal(true),
    data: z.object({
      total_errors: count,
      groups: z.array(
        z.object({
          error_type: z.enum(errorTypes),
          count,
          share: percent.meta({ description: 'Of all failures, in percent.' }),
          first_seen: timestamp,
          last_seen: timestamp,
          operations: z.array(z.object({ operation, count })),
          domains: z.array(z.object({ domain: z.string(), count })).max(topDomains),
          messages: z
            .array(z.object({ message: z.string(), count }))
            .max(topMessages)
            .meta({ description: 'The most frequent ones; runs of digits are folded to `#` first.' }),
        }),
      ),
      filters: given.extend({ days: count }),
    }),
  })
  .meta({
    id: 'WooCommerceErrors',
    examples: [
      {
        success: true,
        data: {
          total_errors: 4,
          groups: [
            {
              error_type: 'ValidationError',
              count: 3,
              share: 75,
              first_seen: '2026-02-10T08:00:00.000Z',
              last_seen: '2026-02-13T09:00:00.000Z',
              operations: [
                { operation: 'add_to_cart', count: 2 },
                { operation: 'check_stock', count: 1 },
              ],
              domains: [{ domain: 'shop.example', count: 3 }],
              messages: [{ message: 'product # not found', count: 2 }],
            },
            {
              error_type: 'Timeout',
              count: 1,
              share: 25,
              first_seen: '2026-02-12T17:30:00.000Z',
              last_seen: '2026-02-12T17:30:00.000Z',
              operations: [{ operation: 'get_cart', count: 1 }],
              domains: [{ domain: 'shop.example', count: 1 }],
              messages: [],
            },
          ],
          filters: { days: 7 },
        },
      },
    ],
  });

const healthCheck = z.object({
  domain: z.string(),
  status: z.enum(['healthy', 'error']),
  message: z.string(),
  response_time_ms: milliseconds,
  woocommerce_url: z.string().optional().meta({ description: 'Of a shop that answers.' }),
  error_type: z.enum(errorTypes).optional().meta({ description: 'Of a shop that does not.' }),
});
export const health = z
  .union([
    z.object({
      success: z.literal(true),
      data: z.object({
        overall_status: z.enum(['healthy', 'degraded', 'critical']),
        healthy_domains: count,
        total_domains: count,
        health_checks: z.array(healthCheck),
      }),
    }),
    z.object({
      success: z.literal(false).meta({ description: 'No shop matches.' }),
      message: z.string(),
      data: z.object({ configured_domains: z.array(z.string()).max(0), health_checks: z.array(healthCheck).max(0) }),
    }),
  ])
  .meta({
    id: 'WooCommerceHealth',
    examples: [
      {
        success: true,
        data: {
          overall_status: 'degraded',
          healthy_domains: 1,
          total_domains: 2,
          health_checks: [
            { domain: 'old.example', status: 'error', message: 'HTTP 401', response_time_ms: 120, error_type: 'ConfigurationError' },
            {
              domain: 'shop.example',
              status: 'healthy',
              message: 'API responding',
              response_time_ms: 312,
              woocommerce_url: 'https://shop.example',
            },
          ],
        },
      },
      { success: false, message: 'No WooCommerce store configured', data: { configured_domains: [], health_checks: [] } },
    ],
  });

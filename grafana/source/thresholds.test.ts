import { describe, expect, test } from 'vitest';
import { readRulesFiles } from '../../test/support/rule-files.ts';
import { alertThresholds, at, above, below, errorBudgets, latencyObjectiveSeconds } from './thresholds.ts';

const rules = (await readRulesFiles()).flatMap((file) => file.rules);

describe('thresholds', () => {
  test.each(Object.entries(alertThresholds))('%s is the figure of its rule', (_, { alert, severity, written, value }) => {
    const expressions = rules.flatMap((rule) =>
      'alert' in rule && rule.alert === alert && rule.labels.severity === severity ? [rule.expr.replaceAll(/\s+/g, ' ')] : [],
    );
    expect(expressions.filter((expression) => hasWords(expression, written))).not.toEqual([]);
    expect(written.split(' ').map(Number)).toContain(value);
  });

  test('of the objectives are those that the burn rates are made with', () => {
    const factor = (name: string): string[] =>
      rules.flatMap((rule) =>
        'alert' in rule && rule.alert === name ? [...rule.expr.matchAll(/\* ([\d.]+)/g)].map(([, budget = '']) => budget) : [],
      );
    expect(new Set(factor('WidgetLoadSloBurn'))).toEqual(new Set([String(errorBudgets.loads)]));
    expect(new Set(factor('WidgetLatencySloBurn'))).toEqual(new Set([String(errorBudgets.latency)]));
    expect(new Set(factor('WooCommerceSloBurn'))).toEqual(new Set([String(errorBudgets.operations)]));
    const bounds = rules.flatMap((rule) =>
      [...rule.expr.matchAll(/widget_bootloader_duration_seconds_bucket\{le="([\d.]+)"\}/g)].map(([, le]) => le),
    );
    expect(new Set(bounds)).toEqual(new Set([String(latencyObjectiveSeconds)]));
  });

  test('colour a panel as the alerts would', () => {
    const { loadFailureRatioWarning, loadFailureRatioCritical, partitionsAheadSeconds, targetUp } = alertThresholds;
    expect(above(loadFailureRatioWarning, loadFailureRatioCritical).steps).toEqual([
      { value: null, color: 'green' },
      { value: 0.05, color: 'yellow' },
      { value: 0.2, color: 'red' },
    ]);
    expect(below(partitionsAheadSeconds).steps).toEqual([
      { value: null, color: 'red' },
      { value: 172_800, color: 'green' },
    ]);
    expect(above(at(1, targetUp)).steps).toEqual([
      { value: null, color: 'green' },
      { value: 1, color: 'red' },
    ]);
  });
});

/** To the end of a number: `> 0` is not in `> 0.8`. */
const hasWords = (expression: string, words: string): boolean =>
  expression
    .split(words)
    .slice(1)
    .some((rest) => !/^[\d.]/.test(rest));

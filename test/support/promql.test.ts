import { describe, expect, test } from 'vitest';
import { durationSeconds, occurrencesOf, parsePromql, selectorsIn } from './promql.ts';

describe('parsePromql', () => {
  test('finds metrics, matchers, ranges and offsets, and nothing else', () => {
    const expression = parsePromql(
      'sum by (org, le) (increase(a_total{org!="__overflow__", x=~"b|c"}[5m])) / on (org) group_left max(d:e:f > 0) - quantile(0.9, h:i:j offset 5m) and max_over_time(g_bucket{le="0.2"}[1h:5m]) or 1.5 * time()',
    );
    expect(selectorsIn(expression)).toMatchObject([
      {
        metric: 'a_total',
        matchers: [
          { label: 'org', operator: '!=', value: '__overflow__' },
          { label: 'x', operator: '=~', value: 'b|c' },
        ],
        range: '5m',
      },
      { metric: 'd:e:f', matchers: [] },
      { metric: 'h:i:j', offset: '5m' },
      { metric: 'g_bucket', matchers: [{ label: 'le', operator: '=', value: '0.2' }] },
    ]);
    expect(occurrencesOf('subquery', expression)).toMatchObject([{ expression: { range: '1h', step: '5m' } }]);
  });

  test('knows how series are grouped and joined', () => {
    const join = parsePromql('sum without (instance) (a) * on (service) group_left (version) (b > bool 1)');
    expect(join).toMatchObject({
      operator: '*',
      matching: { kind: 'on', labels: ['service'], group: 'left', include: ['version'] },
      left: { type: 'aggregation', operator: 'sum', grouping: { kind: 'without', labels: ['instance'] } },
      right: { operator: '>', bool: true },
    });
    expect(parsePromql('topk(5, a) by (b)')).toMatchObject({
      operator: 'topk',
      parameter: { text: '5' },
      grouping: { kind: 'by', labels: ['b'] },
    });
  });

  test('keeps the variables of a dashboard as they are written', () => {
    const [rate, top] = ['rate(a{org=~"$org", b="${c:regex}"}[$__rate_interval] offset $shift)', 'topk($limit, a)'].map(parsePromql);
    expect(rate).toMatchObject({
      arguments: [{ range: '$__rate_interval', offset: '$shift', matchers: [{ value: '$org' }, { value: '${c:regex}' }] }],
    });
    expect(top).toMatchObject({ parameter: { text: '$limit' } });
  });

  test('takes a metric by its name in braces, comments and escaped quotes', () => {
    expect(parsePromql('{__name__="a:b", c="d\\"e"} # all of it')).toMatchObject({
      metric: 'a:b',
      matchers: [{ label: 'c', operator: '=', value: 'd"e' }],
    });
  });

  test('says of an expression what surrounds it, the nearest first', () => {
    const [occurrence] = occurrencesOf('selector', parsePromql('sum(-rate(a[5m]))'));
    expect(occurrence?.around.map(({ type }) => type)).toEqual(['call', 'unary', 'aggregation']);
  });

  test.each(['', 'sum(', 'a b', 'sum()', '(a + b)[5m]', 'rate(a[5m)', 'a{b}', 'sum by a (b)', '(a + b) offset 5m'])(
    'refuses %j',
    (text) => {
      expect(() => parsePromql(text)).toThrow(/^not PromQL/);
    },
  );
});

test('durationSeconds reads durations and numbers, and no variables', () => {
  expect(['1h30m', '500ms', '60', '2w', '$__range', '', '5'].map(durationSeconds)).toEqual([
    5400,
    0.5,
    60,
    1_209_600,
    undefined,
    undefined,
    5,
  ]);
});

import { describe, expect, test } from 'vitest';
import { isConditional, withGrafanaValues, withoutConditions } from './promql-rewrite.ts';

describe('withoutConditions', () => {
  test.each([
    ['up{job=~"a|b"} == 0', 'up{job=~"a|b"} == bool 0'],
    ['a / (b > 0) >= 0.05 < 0.2', 'a / (b > bool 0) >= bool 0.05 < bool 0.2'],
    ['a > bool 1 > 2', 'a > bool 1 > bool 2'],
    ['absent(up{job="a"}) or (absent(up{job="b"}))', '(up{job="a"}) or ((up{job="b"}))'],
    ['absent_over_time(up[5m])', 'last_over_time(up[5m])'],
    ['(a > 1) unless (b > 1)', '(a > bool 1) '],
    ['a unless (b unless absent(c))', 'a '],
    ['a{b="x > 1"} # c > 1', 'a{b="x > 1"} # c > 1'],
    ['a > on (b) group_left c', 'a > bool on (b) group_left c'],
  ])('makes %s always give data', (text, expected) => {
    expect(withoutConditions(text)).toBe(expected);
  });
});

test('isConditional sees comparisons that filter, absent and unless, not their look-alikes', () => {
  const conditional = ['a > 1', 'sum(a == 1)', 'absent(a)', 'a unless b', 'vector(1) and absent_over_time(a[5m])', 'a > 1 or b > 2'];
  const always = ['vector(1)', 'a > bool 1', 'a{b!="c"}', 'a and b', 'absent', 'a > 1 or b', 'a > 1 or vector(0)'];
  expect(conditional.filter((text) => !isConditional(text))).toEqual([]);
  expect(always.filter(isConditional)).toEqual([]);
});

describe('withGrafanaValues', () => {
  const values = { interval: '2s', rateInterval: '4s', range: '720s', variables: { org: '.+', limit: '5' } };

  test('fills in variables in every way of writing them', () => {
    expect(
      withGrafanaValues(
        'topk($limit, rate(a{org=~"$org"}[$__rate_interval])) + b{org="${org:regex}"}[$__range:$__interval] / $__range_s',
        values,
      ),
    ).toBe('topk(5, rate(a{org=~".+"}[4s])) + b{org=".+"}[720s:2s] / 720');
    expect(withGrafanaValues('label_replace(a, "b", "$1", "c", "(.*)")', values)).toBe('label_replace(a, "b", "$1", "c", "(.*)")');
    expect(withGrafanaValues('a{org="[[org]]"}[${__range}]', values)).toBe('a{org=".+"}[720s]');
  });

  test('refuses a variable that there is not', () => {
    expect(() => withGrafanaValues('a{b="$c"}', values)).toThrow('$c is no variable of the dashboard');
  });
});

import { type Binary, type Call, type Expression, isComparison, occurrencesIn, parsePromql } from './promql.ts';

interface Edit {
  from: number;
  to: number;
  with: string;
}

/** Whether an expression is silent at times: a comparison that filters, `absent`, or one set without another. */
export function isConditional(text: string): boolean {
  return isSilentAtTimes(parsePromql(text));
}

function isSilentAtTimes(expression: Expression): boolean {
  if (expression.type === 'binary') return isSilentBinary(expression);
  if (expression.type === 'call') return expression.name.startsWith('absent') || expression.arguments.some(isSilentAtTimes);
  return 'of' in expression && isSilentAtTimes(expression.of);
}

function isSilentBinary({ operator, bool, left, right }: Binary): boolean {
  if (operator === 'or') return isSilentAtTimes(left) && isSilentAtTimes(right);
  if (operator === 'unless' || (isComparison(operator) && !bool)) return true;
  return isSilentAtTimes(left) || isSilentAtTimes(right);
}

/**
 * The expression of an alert without its conditions, so that it gives data while nothing is wrong: comparisons answer 0 or 1,
 * `absent(x)` is `x`, `a unless b` is `a`. Everything else, joins above all, is evaluated as it is.
 */
export function withoutConditions(text: string): string {
  return applied(text, conditionsIn(text));
}

function conditionsIn(text: string): Edit[] {
  return occurrencesIn(parsePromql(text)).flatMap(({ expression }): Edit[] => {
    if (expression.type === 'call') return presence(expression, text);
    if (expression.type !== 'binary') return [];
    const { operator, operatorAt, bool, to } = expression;
    if (isComparison(operator) && !bool) return [{ from: operatorAt.to, to: operatorAt.to, with: ' bool' }];
    return operator === 'unless' ? [{ from: operatorAt.from, to, with: '' }] : [];
  });
}

function presence(call: Call, text: string): Edit[] {
  const instead = { absent: '', absent_over_time: 'last_over_time' }[call.name];
  return instead === undefined ? [] : [{ from: call.from, to: text.indexOf('(', call.from), with: instead }];
}

/** Applies edits that do not overlap; one within another is dropped with what the other drops. */
function applied(text: string, edits: Edit[]): string {
  const isWithin = (edit: Edit, other: Edit): boolean =>
    other !== edit && other.from < other.to && other.from <= edit.from && edit.to <= other.to;
  const outermost = edits.filter((edit) => !edits.some((other) => isWithin(edit, other)));
  return outermost
    .toSorted((a, b) => b.from - a.from)
    .reduce((rewritten, edit) => rewritten.slice(0, edit.from) + edit.with + rewritten.slice(edit.to), text);
}

/** What Grafana knows when it sends a query: durations as `60s`, and the variables of the dashboard by name. */
export interface GrafanaValues {
  interval: string;
  rateInterval: string;
  range: string;
  variables: Readonly<Record<string, string>>;
}

/**
 * A dashboard's query as Grafana sends it; `$1` of label_replace is no variable. Variables are taken as they are given: for several values, or all, that is a regular expression.
 * @throws when the query names a variable that there is not.
 */
export function withGrafanaValues(text: string, values: GrafanaValues): string {
  const seconds = String(Math.ceil(Number.parseFloat(values.range)));
  const known: Record<string, string> = {
    __interval: values.interval,
    __rate_interval: values.rateInterval,
    __range: values.range,
    __range_s: seconds,
    ...values.variables,
  };
  return text.replaceAll(
    /\$\{([a-z_]\w*)(?::\w+)?\}|\$([a-z_]\w*)|\[\[([a-z_]\w*)\]\]/gi,
    (_, braced?: string, plain?: string, brackets?: string) => {
      const name = braced ?? plain ?? brackets ?? '';
      const value = known[name];
      if (value === undefined) throw new Error(`$${name} is no variable of the dashboard: declare it, or take it out of ${text}`);
      return value;
    },
  );
}

import { type Aggregation, type Binary, type Call, type Expression, occurrencesOf, type Selector } from './promql.ts';

/** Labels, without the metric's name, of the series that an expression gives. */
export interface ResultLabels {
  /** On every one of them. */
  guaranteed: ReadonlySet<string>;
  /** On none but these. */
  possible: ReadonlySet<string>;
}

/** The labels that a selected metric has; a check takes them from what is really exported. */
export type LabelsOfMetric = (metric: string) => ResultLabels;

const none: ResultLabels = { guaranteed: new Set(), possible: new Set() };

/** Which labels survive an expression, by the rules of Prometheus' engine. */
export function resultLabels(expression: Expression, labelsOfMetric: LabelsOfMetric): ResultLabels {
  const labelsOf = (part: Expression): ResultLabels => resultLabels(part, labelsOfMetric);
  switch (expression.type) {
    case 'number':
    case 'string':
      return none;
    case 'selector':
      return ofSelector(expression, labelsOfMetric);
    case 'subquery':
    case 'unary':
      return labelsOf(expression.of);
    case 'call':
      return ofCall(expression, labelsOf);
    case 'aggregation':
      return ofAggregation(expression, labelsOf(expression.of));
    case 'binary':
      return ofBinary(expression, labelsOf);
    default:
      return expression satisfies never;
  }
}

/** Numbers without labels, which match every series of a vector beside them. */
export function isScalar(expression: Expression): boolean {
  if (expression.type === 'unary') return isScalar(expression.of);
  if (expression.type === 'binary') return isScalar(expression.left) && isScalar(expression.right);
  return expression.type === 'number' || (expression.type === 'call' && ['scalar', 'time', 'pi'].includes(expression.name));
}

/**
 * Pairs of vectors that can never match, because one side always has a label that the other side never has: such an expression
 * is valid, and empty for ever. What pint calls promql/impossible and promql/vector_matching.
 */
export function impossibleMatches(expression: Expression, labelsOfMetric: LabelsOfMetric): { operator: string; label: string }[] {
  return occurrencesOf('binary', expression).flatMap(({ expression: binary }) => {
    if (binary.operator === 'or' || isScalar(binary.left) || isScalar(binary.right)) return [];
    const left = resultLabels(binary.left, labelsOfMetric);
    const right = resultLabels(binary.right, labelsOfMetric);
    const compared = (label: string): boolean => {
      if (binary.matching === undefined) return true;
      return binary.matching.labels.includes(label) === (binary.matching.kind === 'on');
    };
    return [...missing(left.guaranteed, right.possible), ...missing(right.guaranteed, left.possible)]
      .filter(compared)
      .map((label) => ({ operator: binary.operator, label }));
  });
}

function ofSelector(selector: Selector, labelsOfMetric: LabelsOfMetric): ResultLabels {
  const { guaranteed, possible } = labelsOfMetric(selector.metric);
  return withLabels({ guaranteed, possible }, equalities(selector));
}

function equalities(selector: Selector): string[] {
  return selector.matchers.filter(({ operator, value }) => operator === '=' && value !== '').map(({ label }) => label);
}

function ofCall(call: Call, labelsOf: (part: Expression) => ResultLabels): ResultLabels {
  const [first, second] = call.arguments;
  switch (call.name) {
    case 'scalar':
    case 'time':
    case 'pi':
    case 'vector':
      return none;
    case 'absent':
    case 'absent_over_time':
      return withLabels(none, first?.type === 'selector' ? equalities(first) : []);
    case 'label_replace':
    case 'label_join':
      return first === undefined || second?.type !== 'string' ? none : withLabels(labelsOf(first), [second.value]);
    case 'histogram_quantile':
      return second === undefined ? none : withoutLabels(labelsOf(second), ['le']);
    case 'quantile_over_time':
      return second === undefined ? none : labelsOf(second);
    default:
      return first === undefined ? none : labelsOf(first);
  }
}

function ofAggregation(aggregation: Aggregation, inside: ResultLabels): ResultLabels {
  const { operator, grouping, parameter } = aggregation;
  if (['topk', 'bottomk', 'limitk', 'limit_ratio'].includes(operator)) return inside;
  const kept = grouping?.kind === 'without' ? withoutLabels(inside, grouping.labels) : onlyLabels(inside, grouping?.labels ?? []);
  return operator === 'count_values' && parameter?.type === 'string' ? withLabels(kept, [parameter.value]) : kept;
}

function ofBinary(binary: Binary, labelsOf: (part: Expression) => ResultLabels): ResultLabels {
  const { operator, matching } = binary;
  const left = labelsOf(binary.left);
  const right = labelsOf(binary.right);
  if (isScalar(binary.left)) return right;
  if (isScalar(binary.right)) return left;
  if (operator === 'and' || operator === 'unless') return left;
  if (operator === 'or') {
    const both = (label: string): boolean => left.guaranteed.has(label) && right.guaranteed.has(label);
    return { guaranteed: filtered(left.guaranteed, both), possible: new Set([...left.possible, ...right.possible]) };
  }
  if (matching?.group !== undefined) {
    const [many, one] = matching.group === 'left' ? [left, right] : [right, left];
    const included = onlyLabels(one, matching.include);
    return {
      guaranteed: new Set([...many.guaranteed, ...included.guaranteed]),
      possible: new Set([...many.possible, ...included.possible]),
    };
  }
  if (matching?.kind === 'on') return onlyLabels(left, matching.labels);
  return withoutLabels(left, matching?.labels ?? []);
}

function onlyLabels(labels: ResultLabels, kept: string[]): ResultLabels {
  return whereLabel(labels, (label) => kept.includes(label));
}

function withoutLabels(labels: ResultLabels, dropped: string[]): ResultLabels {
  return whereLabel(labels, (label) => !dropped.includes(label));
}

function withLabels({ guaranteed, possible }: ResultLabels, added: string[]): ResultLabels {
  return { guaranteed: new Set([...guaranteed, ...added]), possible: new Set([...possible, ...added]) };
}

function whereLabel({ guaranteed, possible }: ResultLabels, isKept: (label: string) => boolean): ResultLabels {
  return { guaranteed: filtered(guaranteed, isKept), possible: filtered(possible, isKept) };
}

function filtered(labels: ReadonlySet<string>, isKept: (label: string) => boolean): Set<string> {
  return new Set([...labels].filter(isKept));
}

function missing(labels: ReadonlySet<string>, from: ReadonlySet<string>): string[] {
  return [...labels].filter((label) => !from.has(label));
}

import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/**
 * PromQL as a tree that checks can ask, from Prometheus' own grammar. Dashboard queries are read as they are written: a Grafana
 * variable outside of a string (`[$__rate_interval]`) is a number to the grammar and keeps its name in the tree.
 */
export type Expression = NumberLiteral | StringLiteral | Selector | Subquery | Call | Aggregation | Binary | Unary;

/** Where the expression stands in the text, without parentheses around it. */
interface Position {
  from: number;
  to: number;
}
export interface NumberLiteral extends Position {
  type: 'number';
  text: string;
}
export interface StringLiteral extends Position {
  type: 'string';
  value: string;
}
export interface Matcher {
  label: string;
  operator: '=' | '!=' | '=~' | '!~';
  value: string;
}
export interface Selector extends Position {
  type: 'selector';
  metric: string;
  /** Without the metric's name, however that was written. */
  matchers: Matcher[];
  /** As written: `5m` or `$__rate_interval`. */
  range?: string;
  offset?: string;
}
export interface Subquery extends Position {
  type: 'subquery';
  of: Expression;
  range: string;
  step?: string;
  offset?: string;
}
export interface Call extends Position {
  type: 'call';
  name: string;
  arguments: Expression[];
}
export interface Aggregation extends Position {
  type: 'aggregation';
  operator: string;
  grouping?: { kind: 'by' | 'without'; labels: string[] };
  /** `topk(5, …)`, `quantile(0.9, …)`. */
  parameter?: Expression;
  of: Expression;
}
export interface Binary extends Position {
  type: 'binary';
  operator: string;
  bool: boolean;
  matching?: { kind: 'on' | 'ignoring'; labels: string[]; group?: 'left' | 'right'; include: string[] };
  /** Position of the operator itself. */
  operatorAt: Position;
  left: Expression;
  right: Expression;
}
export interface Unary extends Position {
  type: 'unary';
  of: Expression;
}

/** The same texts are asked about again and again, by every check of every dashboard. */
const parsed = new Map<string, Expression>();

/** Nobody may change what comes back. @throws when the text is no PromQL; the message shows where. */
export function parsePromql(text: string): Expression {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const expression = parse(text);
  parsed.set(text, expression);
  return expression;
}

function parse(text: string): Expression {
  const root = parser.parse(variablesAsNumbers(text)).topNode;
  root.cursor().iterate((node) => {
    if (node.type.isError) throw new Error(`not PromQL: ${text.slice(0, node.from)}▸${text.slice(node.from)}`);
  });
  const [expression] = childrenOf(root);
  if (expression === undefined) throw new Error('not PromQL: there is nothing');
  return toExpression(expression, text);
}

const strings = String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + '`[^`]*`';
const variable = String.raw`\$\{\w+(?::\w+)?\}|\$\w+|\[\[\w+\]\]`;

/** Of the same length, so that positions in the tree are positions in the text. */
function variablesAsNumbers(text: string): string {
  return text.replaceAll(new RegExp(`${strings}|${variable}`, 'g'), (part) => (/^[$[]/.test(part) ? '1'.repeat(part.length) : part));
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  return children;
}

function toExpression(node: SyntaxNode, text: string): Expression {
  const position = { from: node.from, to: node.to };
  const written = text.slice(node.from, node.to);
  const children = childrenOf(node);
  const [first] = children;
  switch (node.name) {
    case 'NumberDurationLiteral':
      return { type: 'number', ...position, text: written };
    case 'StringLiteral':
      return { type: 'string', ...position, value: unquote(written) };
    case 'VectorSelector':
      return toSelector(node, text);
    case 'FunctionCall':
      return { type: 'call', ...position, name: textOf(first, text), arguments: toArguments(children[1], text) };
    case 'AggregateExpr':
      return toAggregation(node, text);
    case 'BinaryExpr':
      return toBinary(node, text);
    case 'MatrixSelector':
    case 'SubqueryExpr':
    case 'OffsetExpr':
      return withTimeModifier(node, text);
    case 'UnaryExpr':
      return { type: 'unary', ...position, of: toExpression(required(children.at(-1)), text) };
    case 'ParenExpr':
    case 'StepInvariantExpr':
      return toExpression(required(first), text);
    default:
      throw new Error(`PromQL with ${node.name} is not understood here: add it to toExpression. ${written}`);
  }
}

function toSelector(node: SyntaxNode, text: string): Selector {
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => {
    const [label, operator, value] = childrenOf(matcher).map((part) => textOf(part, text));
    return { label: label ?? '', operator: operator as Matcher['operator'], value: unquote(value ?? '') };
  });
  const named = matchers.find(({ label, operator }) => label === '__name__' && operator === '=');
  return {
    type: 'selector',
    from: node.from,
    to: node.to,
    metric: textOf(node.getChild('Identifier'), text) || (named?.value ?? ''),
    matchers: matchers.filter((matcher) => matcher !== named),
  };
}

function withTimeModifier(node: SyntaxNode, text: string): Expression {
  const [inner, first, second] = childrenOf(node);
  const of = toExpression(required(inner), text);
  const position = { from: node.from, to: node.to };
  if (node.name === 'SubqueryExpr') {
    return {
      type: 'subquery',
      ...position,
      of,
      range: textOf(first, text),
      ...(second === undefined ? {} : { step: textOf(second, text) }),
    };
  }
  if (node.name === 'OffsetExpr') {
    if (of.type !== 'selector' && of.type !== 'subquery')
      throw new Error(`not PromQL: offset of neither a selector nor a subquery: ${text}`);
    return { ...of, ...position, offset: textOf(second, text) };
  }
  if (of.type !== 'selector') throw new Error(`not PromQL: a range of what is no selector: ${text}`);
  return { ...of, ...position, range: textOf(first, text) };
}

function toAggregation(node: SyntaxNode, text: string): Aggregation {
  const modifier = node.getChild('AggregateModifier');
  const args = toArguments(node.getChild('FunctionCallBody'), text);
  const of = args.at(-1);
  if (of === undefined) throw new Error(`not PromQL: an aggregation of nothing: ${text}`);
  const [parameter] = args.slice(0, -1);
  return {
    type: 'aggregation',
    from: node.from,
    to: node.to,
    operator: textOf(node.getChild('AggregateOp'), text).toLowerCase(),
    ...(modifier === null
      ? {}
      : { grouping: { kind: modifier.getChild('By') ? 'by' : 'without', labels: labelsIn(modifier, text)[0] ?? [] } }),
    ...(parameter === undefined ? {} : { parameter }),
    of,
  };
}

function toBinary(node: SyntaxNode, text: string): Binary {
  const children = childrenOf(node);
  const [left, operator] = children;
  const clause = node.getChild('MatchingModifierClause');
  const [labels = [], include = []] = clause === null ? [] : labelsIn(clause, text);
  const group = clause?.getChild('GroupLeft') ? 'left' : clause?.getChild('GroupRight') ? 'right' : undefined;
  return {
    type: 'binary',
    from: node.from,
    to: node.to,
    operator: textOf(operator, text).toLowerCase(),
    operatorAt: { from: required(operator).from, to: required(operator).to },
    bool: node.getChild('BoolModifier') !== null,
    ...(clause === null
      ? {}
      : { matching: { kind: clause.getChild('On') ? 'on' : 'ignoring', labels, ...(group === undefined ? {} : { group }), include } }),
    left: toExpression(required(left), text),
    right: toExpression(required(children.at(-1)), text),
  };
}

function toArguments(body: SyntaxNode | null | undefined, text: string): Expression[] {
  return body ? childrenOf(body).map((argument) => toExpression(argument, text)) : [];
}

/** The labels of each `(…)` after by, without, on, ignoring, group_left, group_right. */
function labelsIn(node: SyntaxNode, text: string): string[][] {
  return node.getChildren('GroupingLabels').map((grouping) => grouping.getChildren('LabelName').map((label) => textOf(label, text)));
}

function textOf(node: SyntaxNode | null | undefined, text: string): string {
  return node ? text.slice(node.from, node.to) : '';
}

function required(node: SyntaxNode | undefined): SyntaxNode {
  if (node === undefined) throw new Error('the grammar has changed: a part of an expression is missing');
  return node;
}

function unquote(literal: string): string {
  const inside = literal.slice(1, -1);
  return literal.startsWith('`') ? inside : inside.replaceAll(/\\(.)/g, '$1');
}

export function isComparison(operator: string): boolean {
  return ['==', '!=', '>', '<', '>=', '<='].includes(operator);
}

export function partsOf(expression: Expression): Expression[] {
  switch (expression.type) {
    case 'subquery':
    case 'unary':
      return [expression.of];
    case 'call':
      return expression.arguments;
    case 'aggregation':
      return expression.parameter === undefined ? [expression.of] : [expression.parameter, expression.of];
    case 'binary':
      return [expression.left, expression.right];
    case 'number':
    case 'string':
    case 'selector':
      return [];
    default:
      return expression satisfies never;
  }
}

/** An expression within another, with the ones around it, the nearest first. */
export interface Occurrence<Found extends Expression = Expression> {
  expression: Found;
  around: Expression[];
}

/** Everything in an expression, itself included, in the order of the text. */
export function occurrencesIn(expression: Expression, around: Expression[] = []): Occurrence[] {
  return [{ expression, around }, ...partsOf(expression).flatMap((part) => occurrencesIn(part, [expression, ...around]))];
}

export function occurrencesOf<Type extends Expression['type']>(
  type: Type,
  expression: Expression,
): Occurrence<Extract<Expression, { type: Type }>>[] {
  return occurrencesIn(expression).filter(
    (occurrence): occurrence is Occurrence<Extract<Expression, { type: Type }>> => occurrence.expression.type === type,
  );
}

export function selectorsIn(expression: Expression): Selector[] {
  return occurrencesOf('selector', expression).map((occurrence) => occurrence.expression);
}

/** Seconds of `1h30m` or of a plain number; undefined for anything else, such as a variable. */
export function durationSeconds(duration: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(duration)) return Number(duration);
  if (!/^(\d+(ms|[smhdwy]))+$/.test(duration)) return undefined;
  const unitSeconds: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };
  return [...duration.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (unitSeconds[unit] ?? 0),
    0,
  );
}

import {
  catalogue,
  commonErrorTypes,
  errorTypeMeanings,
  errorTypes,
  operationGroups,
  operationNames,
  type OperationGroup,
  type OperationName,
  type Parameter,
} from '../features/woocommerce/catalogue.ts';
import type { GeneratedFile } from './generated-file.ts';

/** What the catalogue is told to people and to the SDK, which imports nothing of the services. */
export function woocommerceOperations(): Promise<readonly GeneratedFile[]> {
  return Promise.resolve([
    { path: 'docs/woocommerce-operations.md', text: reference() },
    { path: 'sdk/operations/operation-names.ts', text: namesModule() },
  ]);
}

const groupTitles: Readonly<Record<OperationGroup, string>> = {
  products: 'Products',
  orders: 'Orders',
  cart: 'Cart',
  store: 'Store',
  analytics: 'Analytics',
};

const namesOf = (group: OperationGroup): OperationName[] => operationNames.filter((name) => catalogue[name].group === group);
const numberOf = (name: OperationName): number => operationNames.indexOf(name) + 1;
const code = (text: string): string => `\`${text}\``;
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

function reference(): string {
  const groups = operationGroups.flatMap((group) => [`## ${groupTitles[group]}`, ...namesOf(group).map(section)]);
  return `${[introduction(), overview(), errors(), ...groups].join('\n\n')}\n`;
}

function introduction(): string {
  return `# WooCommerce operations

<!-- Made by npm run generate from features/woocommerce/catalogue.ts: change it there. -->

The ${operationNames.length} operations that the chat backend performs on a shop. \`trackOperation\` of the SDK reports each call under the name of its
operation, and no other name is accepted. The exporter never performs an operation itself.`;
}

function overview(): string {
  const rows = operationNames.map((name) =>
    row([String(numberOf(name)), `[${code(name)}](#${name})`, groupTitles[catalogue[name].group], catalogue[name].does]),
  );
  return ['| # | Operation | Group | Does |', '|---|---|---|---|', ...rows].join('\n');
}

function errors(): string {
  const rows = errorTypes.map((type) => row([code(type), errorTypeMeanings[type]]));
  return [
    '## Error types',
    '',
    `A failed operation has one of these types. Any operation can fail with ${commonErrorTypes.map(code).join(', ')};`,
    'what an operation can have beside them is named with it. Other names of errors that a backend reports are brought to these: `ZodError` is',
    '`ValidationError`; `AxiosError` and `FetchError` are `UpstreamError`; `AbortError` and `TimeoutError` are `Timeout`; all else is `Unknown`.',
    '',
    '| Type | When |',
    '|---|---|',
    ...rows,
  ].join('\n');
}

function section(name: OperationName): string {
  const { does, required, oneOf = [], optional, calls, result, errorTypes: own } = catalogue[name];
  const parameters = [
    ...required.map((parameter) => parameterRow(parameter, 'yes')),
    ...oneOf.map((parameter) => parameterRow(parameter, 'one of them')),
    ...optional.map((parameter) => parameterRow(parameter, 'no')),
  ];
  return [
    `### ${name}`,
    '',
    `Number ${numberOf(name)}. ${does}`,
    '',
    ...(parameters.length === 0 ? ['No parameters.'] : ['| Parameter | Required | Meaning |', '|---|---|---|', ...parameters]),
    '',
    `- Call: ${calls.map(callText).join(', ')}`,
    `- Result: ${result}`,
    `- Errors of its own: ${own.length === 0 ? 'none' : own.map(code).join(', ')}`,
  ].join('\n');
}

const parameterRow = ({ name, meaning }: Parameter, required: string): string => row([code(name), required, meaning]);

/** The remark in brackets after a call is no part of it. */
function callText(call: string): string {
  const [, request = call, remark = ''] = /^(\S+ \S+)( \(.*\))?$/.exec(call) ?? [];
  return code(request) + remark;
}

function namesModule(): string {
  return `// Made by npm run generate from features/woocommerce/catalogue.ts: change it there.

/** The catalogue: every operation that the exporter takes. */
export const operationNames = [
${operationNames.map((name) => `  '${name}',`).join('\n')}
] as const;

export type OperationName = (typeof operationNames)[number];
`;
}

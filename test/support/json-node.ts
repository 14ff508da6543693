/** JSON as a tree of what is written: it can hold what no value can, such as a key twice, `__proto__`, or a token that is no JSON. */
export type JsonNode = { raw: string } | { items: readonly JsonNode[] } | { entries: readonly (readonly [key: string, value: JsonNode])[] };

export function nodeOf(value: unknown): JsonNode {
  if (Array.isArray(value)) return { items: value.map(nodeOf) };
  if (typeof value === 'object' && value !== null) return { entries: Object.entries(value).map(([key, item]) => [key, nodeOf(item)]) };
  return { raw: JSON.stringify(value) ?? 'null' };
}

export function textOf(node: JsonNode): string {
  if ('raw' in node) return node.raw;
  if ('items' in node) return `[${node.items.map(textOf).join()}]`;
  return `{${node.entries.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join()}}`;
}

/** How many nodes a tree has, itself included. */
export function countOf(node: JsonNode): number {
  return 1 + childrenOf(node).reduce((sum, child) => sum + countOf(child), 0);
}

/** The tree with its node number `index`, parents before children, changed; undefined takes it out of its parent. */
export function withChange(node: JsonNode, index: number, change: (node: JsonNode) => JsonNode | undefined): JsonNode {
  return changed(node, index, change) ?? { raw: 'null' };
}

function changed(node: JsonNode, index: number, change: (node: JsonNode) => JsonNode | undefined): JsonNode | undefined {
  if (index === 0) return change(node);
  let left = index - 1;
  const ofChild = (child: JsonNode): JsonNode | undefined => {
    const size = countOf(child);
    const result = left >= 0 && left < size ? changed(child, left, change) : child;
    left -= size;
    return result;
  };
  if ('items' in node) return { items: node.items.map(ofChild).filter((item) => item !== undefined) };
  if ('raw' in node) return node;
  return {
    entries: node.entries.flatMap(([key, value]) => {
      const result = ofChild(value);
      return result === undefined ? [] : [[key, result] as const];
    }),
  };
}

function childrenOf(node: JsonNode): readonly JsonNode[] {
  if ('items' in node) return node.items;
  return 'entries' in node ? node.entries.map(([, value]) => value) : [];
}

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Generator } from './generated-file.ts';
import { openapi } from './openapi.ts';

/** openapi-typescript needs the compiler of TypeScript 5, so it is installed beside the client and not here. */
const generatorPackage = createRequire(new URL('../sdk/api-client/package.json', import.meta.url)).resolve('openapi-typescript');

interface OpenApiTypescript {
  default: (document: string, options: { silent: boolean; alphabetize: boolean }) => Promise<unknown[]>;
  astToString: (nodes: unknown[]) => string;
}

/** The types of the client, from the document. It refuses one that is not valid OpenAPI. */
export const apiClient: Generator = async () => {
  const [document] = await openapi();
  const { default: generate, astToString } = (await import(pathToFileURL(generatorPackage).href)) as OpenApiTypescript;
  const nodes = await generate(document?.text ?? '', { silent: true, alphabetize: false });
  const text = `/* Made by npm run generate from api/openapi.json. Do not edit. */\n\n${astToString(nodes)}`;
  return [{ path: 'sdk/api-client/schema.d.ts', text }];
};

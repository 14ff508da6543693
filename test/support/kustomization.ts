import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** The fields that deploy/kubernetes uses, and no others: a field that this loader does not understand would be left out. */
const kustomization = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: z.string().optional(),
  resources: z.array(z.string()),
  labels: z.array(z.strictObject({ pairs: z.record(z.string(), z.string()) })).default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.coerce.string() })).default([]),
  replicas: z.array(z.strictObject({ name: z.string(), count: z.int() })).default([]),
  configMapGenerator: z
    .array(z.strictObject({ name: z.string(), behavior: z.literal('merge').optional(), literals: z.array(z.string()) }))
    .default([]),
});

export type Kustomization = z.infer<typeof kustomization>;

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; namespace?: string };
  [field: string]: unknown;
}

export async function readKustomization(folder: string): Promise<Kustomization> {
  return kustomization.parse(parse(await readFile(join(folder, 'kustomization.yaml'), 'utf8')));
}

/**
 * The objects of a kustomization and of those that it builds on, for where there is no kubectl: resources, and ConfigMaps with what
 * overlays merge into them, under their names without a hash. Names of images, namespaces and labels stay as the files have them.
 */
export async function loadKustomization(folder: string): Promise<KubernetesObject[]> {
  const { resources, configMapGenerator } = await readKustomization(folder);
  const objects: KubernetesObject[] = [];
  for (const resource of resources) {
    const path = resolve(folder, resource);
    objects.push(...(basename(path).includes('.') ? await readObjects(path) : await loadKustomization(path)));
  }
  for (const { name, behavior, literals } of configMapGenerator) {
    const data = Object.fromEntries(literals.map((literal) => literal.split(/=(.*)/s, 2) as [string, string]));
    const existing = objects.find((object) => object.kind === 'ConfigMap' && object.metadata.name === name);
    if ((existing === undefined) === (behavior === 'merge'))
      throw new Error(`${folder}: ${name} is ${existing ? 'there already' : 'missing'}`);
    if (existing === undefined) objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
    else existing['data'] = { ...(existing['data'] as Record<string, string>), ...data };
  }
  return objects;
}

async function readObjects(path: string): Promise<KubernetesObject[]> {
  return parseAllDocuments(await readFile(path, 'utf8')).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    return document.toJS() as KubernetesObject;
  });
}

import { routes, withoutId, type Entry, type RouteName } from './ledger.ts';
import type { Stored, StoredItem } from './stored.ts';

/** What comparing the ledger with the database found. Counts are of items, but for `miscounted`. */
export interface Verdict {
  acknowledged: number;
  /** Of what was acknowledged. */
  stored: number;
  lost: number;
  /** Copies beyond one; of what has no id, beyond the requests that may have stored one each. */
  duplicates: number;
  /** Stored and never sent, or with other content than was sent. */
  invented: number;
  /** Stored under a tenant that did not send it. */
  misplaced: number;
  /** As they should have been. */
  refused: number;
  refusedAndStored: number;
  /** Nothing was wrong with them. */
  refusedInnocents: number;
  /** Something was wrong with them. */
  acknowledgedFlawed: number;
  /** Neither acknowledged nor refused in the end. */
  unsettled: number;
  /** Figures of a tenant that are not a recount of what is stored. */
  miscounted: number;
  /** Acknowledged items by route. */
  byRoute: ReadonlyMap<RouteName, number>;
  /** A sentence for each kind of deviation, with the first of them. */
  deviations: readonly string[];
}

const shownExamples = 3;

/** Compares everything that clients know of what they sent with everything that is stored. Both must be at rest. */
export function judge(entries: Iterable<Entry>, stored: Stored): Verdict {
  const sent = new Map<string, Entry>();
  const tenantsOf = new Map<string, Set<string>>();
  for (const entry of entries) {
    sent.set(keyOf(entry), entry);
    const idKey = `${entry.route} ${entry.id}`;
    const tenants = tenantsOf.get(idKey);
    if (tenants === undefined) tenantsOf.set(idKey, new Set([entry.tenant]));
    else tenants.add(entry.tenant);
  }
  const items = new Map(stored.items.map((item) => [keyOf(item), item]));
  const found = new Findings();
  const byRoute = new Map(routes.map((route) => [route, 0]));
  let acknowledged = 0;
  let storedCount = 0;
  let refused = 0;

  for (const [key, entry] of sent) {
    const item = items.get(key);
    if (entry.outcome === 'acknowledged') {
      acknowledged += 1;
      byRoute.set(entry.route, (byRoute.get(entry.route) ?? 0) + 1);
      storedCount += Number(item !== undefined);
    }
    if (entry.outcome === 'refused' && entry.flaw !== undefined) refused += 1;
    judgeOutcome(entry, item, found);
    if (item !== undefined) judgeRows(entry, item, found);
  }
  for (const [key, item] of items) {
    if (sent.has(key)) continue;
    const isKnownElsewhere = tenantsOf.has(`${item.route} ${item.id}`);
    found.add(isKnownElsewhere ? 'misplaced' : 'invented', describe(item));
  }
  judgeFigures(sent, items, stored, found);

  return {
    acknowledged,
    stored: storedCount,
    lost: found.count('lost'),
    duplicates: found.count('duplicates'),
    invented: found.count('invented') + found.count('changed'),
    misplaced: found.count('misplaced'),
    refused,
    refusedAndStored: found.count('refusedAndStored'),
    refusedInnocents: found.count('refusedInnocents'),
    acknowledgedFlawed: found.count('acknowledgedFlawed'),
    unsettled: found.count('unsettled'),
    miscounted: found.count('miscounted'),
    byRoute,
    deviations: found.sentences(),
  };
}

function judgeOutcome(entry: Entry, item: StoredItem | undefined, found: Findings): void {
  if (entry.contradicted) found.add('contradicted', `${describe(entry)}, ${entry.code}`);
  switch (entry.outcome) {
    case 'acknowledged':
      if (item === undefined) found.add('lost', describe(entry));
      if (entry.flaw !== undefined) found.add('acknowledgedFlawed', `${entry.flaw} ${describe(entry)}`);
      return;
    case 'refused':
      if (item !== undefined) found.add('refusedAndStored', describe(entry));
      if (entry.flaw === undefined) found.add('refusedInnocents', `${describe(entry)}, ${entry.code}`);
      return;
    case 'unknown':
      found.add('unsettled', describe(entry));
  }
}

function judgeRows(entry: Entry, item: StoredItem, found: Findings): void {
  // Each request that nothing final was learnt of may have stored a copy of what has no id, and then the one that was acknowledged.
  const mayBeStored = withoutId.has(entry.route) ? 1 + entry.inDoubt : 1;
  for (let surplus = item.copies - mayBeStored; surplus > 0; surplus -= 1) found.add('duplicates', describe(entry));
  if (item.digests.some((digest) => digest !== entry.digest)) found.add('changed', describe(entry));
}

/** Every figure of every tenant must be what its stored items add up to. */
function judgeFigures(sent: ReadonlyMap<string, Entry>, items: ReadonlyMap<string, StoredItem>, stored: Stored, found: Findings): void {
  const recount = new Map<string, number>();
  const add = (key: string, value: number): unknown => recount.set(key, (recount.get(key) ?? 0) + value);
  for (const [key, item] of items) {
    const entry = sent.get(key);
    if (entry === undefined) continue;
    for (const [name, value] of Object.entries(entry.adds)) add(`${name} of ${entry.tenant}`, value * item.copies);
    for (const [name, value] of Object.entries(entry.addsOnce)) add(`${name} of ${entry.tenant}`, value);
  }
  const figures = new Map<string, number>();
  for (const { tenant, name, value } of stored.figures)
    figures.set(`${name} of ${tenant}`, (figures.get(`${name} of ${tenant}`) ?? 0) + value);
  for (const name of new Set([...recount.keys(), ...figures.keys()])) {
    const [figure, counted] = [figures.get(name) ?? 0, recount.get(name) ?? 0];
    if (figure !== counted) found.add('miscounted', `${name}: ${figure}, and the rows say ${counted}`);
  }
}

const saying = {
  lost: 'acknowledged and not stored',
  duplicates: 'stored more than once',
  invented: 'stored and never sent',
  changed: 'stored otherwise than it was sent',
  misplaced: 'stored under a tenant that did not send it',
  refusedAndStored: 'refused and stored',
  refusedInnocents: 'refused although nothing is wrong with it',
  acknowledgedFlawed: 'acknowledged although it must be refused',
  unsettled: 'neither acknowledged nor refused in the end',
  contradicted: 'acknowledged and refused',
  miscounted: 'not a recount of what is stored',
} as const;
type Kind = keyof typeof saying;

class Findings {
  private readonly counts = new Map<Kind, number>();
  private readonly examples = new Map<Kind, string[]>();

  add(kind: Kind, example: string): void {
    this.counts.set(kind, this.count(kind) + 1);
    const examples = this.examples.get(kind) ?? [];
    if (examples.length < shownExamples) this.examples.set(kind, [...examples, example]);
  }

  count(kind: Kind): number {
    return this.counts.get(kind) ?? 0;
  }

  sentences(): string[] {
    return [...this.counts].map(([kind, count]) => `${count} ${saying[kind]}: ${this.examples.get(kind)?.join('; ')}`);
  }
}

function keyOf({ route, tenant, id }: Pick<Entry, 'route' | 'tenant' | 'id'>): string {
  return `${route} ${tenant} ${id}`;
}

function describe(of: Entry | StoredItem): string {
  return `${of.route} ${of.id} of ${of.tenant}${'during' in of ? ` (sent during ${of.during})` : ''}`;
}

/** What was done to the system while the ledger was written. */
export interface Inflicted {
  id: string;
  title: string;
  times: number;
}

/** Nothing is proven by a run in which little was sent, nothing went wrong or nothing was sent twice. */
export interface Proof {
  acknowledgedAtLeast: number;
  inflicted: readonly Inflicted[];
  /** Items that an answer called known already. */
  deduplicated: number;
  /** Requests without an answer, and answers 503. */
  disturbed: number;
}

/** Everything for which a run is not green. */
export function problemsOf(verdict: Verdict, proof: Proof): string[] {
  const unused = [...verdict.byRoute].filter(([, count]) => count === 0).map(([route]) => route);
  const vacuous: [boolean, string][] = [
    [
      verdict.acknowledged < proof.acknowledgedAtLeast,
      `only ${verdict.acknowledged} of at least ${proof.acknowledgedAtLeast} items were acknowledged`,
    ],
    [unused.length > 0, `nothing was acknowledged of ${unused.join(', ')}`],
    [verdict.refused === 0, 'nothing was refused: the checks of refusals are vacuous'],
    [!proof.inflicted.some(({ times }) => times > 0), 'no fault was inflicted'],
    [proof.deduplicated === 0, 'nothing that was sent again was called a duplicate: the check for duplicates is vacuous'],
    [proof.disturbed === 0, 'no request was disturbed by any fault: the check for losses is vacuous'],
  ];
  return [...verdict.deviations, ...vacuous.filter(([isVacuous]) => isVacuous).map(([, problem]) => problem)];
}

/** The line that is quoted. */
export function resultLine({ acknowledged, stored, lost, duplicates, invented, refused }: Verdict, faults: number): string {
  return (
    `acknowledged ${acknowledged} · stored ${stored} · lost ${lost} · duplicates ${duplicates} · invented ${invented} · ` +
    `refused ${refused} · faults ${faults}`
  );
}

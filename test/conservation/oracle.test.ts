import { describe, expect, test } from 'vitest';
import { createLedger, digestOf, type Entry, type NewEntry } from './ledger.ts';
import { judge, problemsOf, resultLine, type Proof } from './oracle.ts';
import type { Stored, StoredItem } from './stored.ts';

const content = { path: '/a' };
const item: StoredItem = { route: 'site events', tenant: 'one', id: '1', copies: 1, digests: [digestOf(content)] };
const entry: NewEntry = {
  route: 'site events',
  tenant: 'one',
  id: '1',
  digest: digestOf(content),
  adds: { rows: 1 },
  addsOnce: {},
  flaw: undefined,
};
const figure = { tenant: 'one', name: 'rows', value: 1 };

/** Sent and acknowledged, unless told otherwise. */
function sent(changes: Partial<Entry> = {}): Entry[] {
  const ledger = createLedger();
  const entered = ledger.enter({ ...entry, ...changes });
  if (changes.outcome === 'refused') ledger.refuse(entered, '400 VALIDATION_ERROR');
  else if (changes.outcome !== 'unknown') ledger.acknowledge(entered);
  entered.inDoubt = changes.inDoubt ?? 0;
  return [...ledger.entries()];
}

const stored = (changes: Partial<StoredItem> = {}, figures: Stored['figures'] = [figure]): Stored => ({
  items: [{ ...item, ...changes }],
  figures,
});
const nothing: Stored = { items: [], figures: [] };

describe('the oracle', () => {
  test('finds nothing where what is stored is what was acknowledged', () => {
    const verdict = judge(sent(), stored());
    expect(verdict).toMatchObject({ acknowledged: 1, stored: 1, lost: 0, duplicates: 0, invented: 0, refused: 0, deviations: [] });
    expect(resultLine(verdict, 3)).toBe('acknowledged 1 · stored 1 · lost 0 · duplicates 0 · invented 0 · refused 0 · faults 3');
  });

  test.each<[string, Entry[], Stored, Record<string, number>]>([
    ['what is acknowledged and not stored', sent(), nothing, { lost: 1, stored: 0 }],
    ['two copies of what has an id', sent(), stored({ copies: 2 }, [{ ...figure, value: 2 }]), { duplicates: 1, miscounted: 0 }],
    [
      'two copies of what has an id, also after a lost answer',
      sent({ inDoubt: 1 }),
      stored({ copies: 2 }, [{ ...figure, value: 2 }]),
      { duplicates: 1 },
    ],
    ['what nobody sent', [], stored({}, []), { invented: 1 }],
    ['other content than was sent', sent(), stored({ digests: [digestOf({ path: '/b' })] }), { invented: 1 }],
    ['what is stored under another tenant', sent(), stored({ tenant: 'two' }, []), { lost: 1, misplaced: 1, invented: 0 }],
    ['what was refused and is stored', sent({ outcome: 'refused', flaw: 'invalid' }), stored(), { refused: 1, refusedAndStored: 1 }],
    ['a refusal of what is good', sent({ outcome: 'refused' }), nothing, { refusedInnocents: 1, refused: 0 }],
    ['an acknowledgement of what is not good', sent({ flaw: 'poisonous' }), stored(), { acknowledgedFlawed: 1 }],
    ['what is still unknown in the end', sent({ outcome: 'unknown' }), nothing, { unsettled: 1 }],
    ['a figure that is too high', sent(), stored({}, [{ ...figure, value: 2 }]), { miscounted: 1, duplicates: 0 }],
    ['a figure that is missing', sent(), stored({}, []), { miscounted: 1, lost: 0 }],
    ['a figure of nothing', [], { items: [], figures: [figure] }, { miscounted: 1 }],
  ])('goes red for %s', (_what, entries, found, expected) => {
    const verdict = judge(entries, found);
    expect(verdict).toMatchObject(expected);
    expect(verdict.deviations.length).toBeGreaterThan(0);
  });

  test('goes red for what is acknowledged and later refused', () => {
    const ledger = createLedger();
    const entered = ledger.enter(entry);
    ledger.acknowledge(entered);
    ledger.refuse(entered, '409 CONFLICT');
    expect(judge(ledger.entries(), stored()).deviations).toEqual([expect.stringContaining('1 acknowledged and refused')]);
  });

  test('grants what has no id as many copies as requests may have stored one, and no more', () => {
    const report = { route: 'error reports', inDoubt: 1, adds: {} } as const;
    const copies = (count: number): Stored => stored({ route: 'error reports', copies: count }, []);
    expect(judge(sent(report), copies(2)).deviations).toEqual([]);
    expect(judge(sent(report), copies(3))).toMatchObject({ duplicates: 1 });
  });

  test('keeps the same id of two tenants apart', () => {
    const ledger = createLedger();
    for (const tenant of ['one', 'two']) ledger.acknowledge(ledger.enter({ ...entry, tenant }));
    const both: Stored = { items: [item, { ...item, tenant: 'two' }], figures: [figure, { ...figure, tenant: 'two' }] };
    expect(judge(ledger.entries(), both)).toMatchObject({ acknowledged: 2, stored: 2, deviations: [] });
    expect(judge(ledger.entries(), { items: [item], figures: [figure] })).toMatchObject({ lost: 1 });
  });

  test('names what it found first, and what was going on when that was sent', () => {
    const ledger = createLedger();
    ledger.during = 'F1';
    ledger.acknowledge(ledger.enter(entry));
    expect(judge(ledger.entries(), nothing).deviations).toEqual(['1 acknowledged and not stored: site events 1 of one (sent during F1)']);
  });
});

describe('a run', () => {
  const verdict = { ...judge(sent(), stored()), refused: 1, byRoute: new Map([['site events', 1] as const]) };
  const proof: Proof = { acknowledgedAtLeast: 1, inflicted: [{ id: 'F1', title: 'killed', times: 1 }], deduplicated: 1, disturbed: 1 };

  test('is green when all is equal and something happened', () => {
    expect(problemsOf(verdict, proof)).toEqual([]);
  });

  test.each<[string, Partial<typeof verdict>, Partial<Proof>]>([
    ['only 1 of at least 2', {}, { acknowledgedAtLeast: 2 }],
    ['nothing was acknowledged of leads', { byRoute: new Map([['leads', 0]]) as never }, {}],
    ['nothing was refused', { refused: 0 }, {}],
    ['nothing that was sent again', {}, { deduplicated: 0 }],
    ['no request was disturbed', {}, { disturbed: 0 }],
    ['no fault was inflicted', {}, { inflicted: [] }],
  ])('is red when %s', (problem, ofVerdict, ofProof) => {
    expect(problemsOf({ ...verdict, ...ofVerdict }, { ...proof, ...ofProof })).toEqual([expect.stringContaining(problem)]);
  });
});

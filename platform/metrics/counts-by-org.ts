/** What a process counted, by organization; what is kept grows with the organizations that something was counted for. */
export interface CountsByOrg<Counts> {
  /** Those of an organization, to add to. */
  of(orgId: number): Counts;
  /** Those of an organization, to show: zeros where nothing was counted. */
  shown(orgId: number): Readonly<Counts>;
  /** The sum of all organizations with a larger id: those beyond the cap. */
  beyond(lastAdmittedId: number): Counts;
}

export function createCountsByOrg<Counts>(options: {
  none: () => Counts;
  add: (into: Counts, from: Readonly<Counts>) => void;
}): CountsByOrg<Counts> {
  const byOrg = new Map<number, Counts>();
  return {
    of: (orgId) => {
      let counts = byOrg.get(orgId);
      if (counts === undefined) byOrg.set(orgId, (counts = options.none()));
      return counts;
    },
    shown: (orgId) => byOrg.get(orgId) ?? options.none(),
    beyond: (lastAdmittedId) => {
      const sum = options.none();
      for (const [orgId, counts] of byOrg) if (orgId > lastAdmittedId) options.add(sum, counts);
      return sum;
    },
  };
}

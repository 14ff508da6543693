import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose tests start whole stacks, and wait for them more than they compute. */
const stacks = /\/(test\/(conservation|e2e)|local)\//;

/**
 * What takes longest begins first, or the end of a run waits for it alone. Without a run before it vitest takes the size of a file for that,
 * and the longest of all is one of the smallest.
 */
export class StacksFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (stacks.test(moduleId) ? 0 : 1);
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer is no array
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

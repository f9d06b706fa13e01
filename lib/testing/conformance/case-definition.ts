/** How cases are written down. */
import type { CaseContext } from './case-context.js';

export interface CaseDefinition {
  readonly group: string;
  readonly name: string;
  run(context: CaseContext): Promise<void>;
}

/** Cases of one group, by name. */
export function groupOf(
  group: string,
  cases: Readonly<Record<string, (context: CaseContext) => Promise<void>>>,
): CaseDefinition[] {
  return Object.entries(cases).map(([name, run]) => ({ group, name, run }));
}

/** All cases, in the order in which they run. */
import type { CaseDefinition } from '../case-definition.js';
import { bodyCases } from './body-cases.js';
import { concurrencyCases } from './concurrency-cases.js';
import { conditionCases } from './condition-cases.js';
import { copyCases } from './copy-cases.js';
import { declarationCases } from './declaration-cases.js';
import { deleteCases } from './delete-cases.js';
import { expiryCases } from './expiry-cases.js';
import { factCases } from './fact-cases.js';
import { failureCases } from './failure-cases.js';
import { keyCases } from './key-cases.js';
import { listCases } from './list-cases.js';
import { rangeCases } from './range-cases.js';
import { healthCases, scopeCases } from './scope-cases.js';
import { stagingCases } from './staging-cases.js';
import { urlUploadCases } from './upload-url-cases.js';
import { urlReadCases } from './url-cases.js';

export const CASES: readonly CaseDefinition[] = [
  ...declarationCases,
  ...bodyCases,
  ...rangeCases,
  ...factCases,
  ...keyCases,
  ...deleteCases,
  ...conditionCases,
  ...stagingCases,
  ...failureCases,
  ...copyCases,
  ...listCases,
  ...concurrencyCases,
  ...scopeCases,
  ...healthCases,
  ...urlReadCases,
  ...urlUploadCases,
  ...expiryCases,
];

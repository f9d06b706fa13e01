/** What `POST /documents/upload` takes in its query: a category, and tags. */
import { BadRequestException } from '@nestjs/common';
import type { Request } from 'express';

const CATEGORY = /^[a-z0-9][a-z0-9-]{0,39}$/;
const TAG = /^[^,\p{C}]{1,40}$/u;
const MOST_TAGS = 10;

export interface DocumentQuery {
  readonly category: string;
  readonly tags: readonly string[];
}

/** A category is one segment of a key, so that it can be listed by itself. */
export function checkedCategory(category: unknown): string {
  if (typeof category === 'string' && CATEGORY.test(category)) return category;
  throw new BadRequestException('category must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit.');
}

/** `?category=invoices&tags=2026&tags=paid` */
export function documentQuery({ query }: Pick<Request, 'query'>): DocumentQuery {
  const { category = 'general', tags = [] } = query;
  const list: readonly unknown[] = Array.isArray(tags) ? tags : [tags];
  if (list.length > MOST_TAGS || !list.every((tag): tag is string => typeof tag === 'string' && TAG.test(tag))) {
    throw new BadRequestException(`tags must be at most ${MOST_TAGS}, of 1 to 40 characters without commas.`);
  }
  return { category: checkedCategory(category), tags: list };
}

/** Finds a user's file by its id, as the recipes for documents and large files store them. An app asks its database. */
import type { StorageService } from 'nestjs-storage';
import type { DemoUser } from '../demo-auth/demo-users.js';

/**
 * The folders that are looked into are the user's own, so that nobody gets a link to the file of another.
 *
 * @param id checked to be a UUID
 */
export async function keyOfOwnFile(storage: StorageService, user: DemoUser, id: string): Promise<string | undefined> {
  const documents = `documents/${user.id}/`;
  const { prefixes: categories } = await storage.listPage({ prefix: documents, delimiter: '/' });
  for (const folder of [`large-files/${user.id}/`, ...categories]) {
    const [key] = await storage.listKeys(`${folder}${id}/`, { limit: 1 });
    if (key !== undefined) return key;
  }
  return undefined;
}

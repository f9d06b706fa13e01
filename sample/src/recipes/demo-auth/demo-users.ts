/** FOR THE DEMO ONLY: users without passwords. An app has its own accounts in this place. */

export interface DemoUser {
  readonly id: string;
  /** The tenants that this user belongs to. */
  readonly tenants: readonly string[];
}

const USERS: readonly DemoUser[] = [
  { id: 'user-1', tenants: ['acme'] },
  { id: 'user-2', tenants: ['acme', 'globex'] },
  { id: 'user-3', tenants: ['globex'] },
];

export function demoUser(id: string | undefined): DemoUser | undefined {
  return USERS.find((user) => user.id === id);
}

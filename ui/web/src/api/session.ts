export type Role = "viewer" | "operator" | "admin";

export interface User {
  name: string;
  role: Role;
}

const rank: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 };

/** Whether a user may do what needs a role; nobody may do nothing. */
export function allows(user: User | undefined, need: Role): boolean {
  return user !== undefined && rank[user.role] >= rank[need];
}

/**
 * FOR THE DEMO ONLY: believes the headers `X-Demo-User` and `X-Demo-Tenant`. An app's own guard stands in this place,
 * and puts a user on the request that a session or token has proven.
 */
import {
  ForbiddenException,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import type { Request } from 'express';
import { demoUser, type DemoUser } from './demo-users.js';

const users = new WeakMap<Request, DemoUser>();
const tenants = new WeakMap<Request, string>();

/** In words of both platforms. */
function headerOf({ headers }: Request, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Lets in who says which demo user they are: 401 for all others. */
@Injectable()
export class DemoAuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const user = demoUser(headerOf(request, 'x-demo-user'));
    if (!user) throw new UnauthorizedException('Say who you are: X-Demo-User: user-1');
    users.set(request, user);
    return true;
  }
}

/** Stands behind DemoAuthGuard. The tenant is one that the user belongs to: 403 for all others. */
@Injectable()
export class DemoTenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const tenant = headerOf(request, 'x-demo-tenant');
    // The reference's "verify access": whoever names a tenant does not belong to it yet.
    if (tenant === undefined || !currentUser(context).tenants.includes(tenant)) {
      throw new ForbiddenException('Name a tenant that you belong to: X-Demo-Tenant: acme');
    }
    tenants.set(request, tenant);
    return true;
  }
}

/** The user of the request. */
export function currentUser(context: ExecutionContext): DemoUser {
  const user = users.get(context.switchToHttp().getRequest<Request>());
  if (!user) throw new UnauthorizedException();
  return user;
}

/** The tenant of the request; undefined where no guard has let it in as one. */
export function tenantOf(request: Request): string | undefined {
  return tenants.get(request);
}

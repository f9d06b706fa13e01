/** A storage that is the tenant's own at each request: everything in it is below `tenants/<tenant>/` of the store. */
import { StorageModule } from 'nestjs-storage';
import type { Request } from 'express';
import { tenantOf } from '../demo-auth/demo-auth.guard.js';

export const TENANT_STORAGE = 'tenants';

/** Where no guard has verified a tenant, every operation is refused. */
export const TenantStorageModule = StorageModule.forRoot({
  name: TENANT_STORAGE,
  scope: (context) => {
    const tenant = tenantOf(context.getRequest<Request>());
    return tenant === undefined ? undefined : ['tenants', tenant];
  },
  exceptionFilter: false,
  isGlobal: false,
});

/** FOR THE DEMO ONLY: `@CurrentUser()` and `@CurrentTenant()` in handlers, behind the demo's guards. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { currentTenant, currentUser } from './demo-auth.guard.js';

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) => currentUser(context));

export const CurrentTenant = createParamDecorator((_: unknown, context: ExecutionContext) => currentTenant(context));

/** FOR THE DEMO ONLY: `@CurrentUser()` in handlers, behind the demo's guard. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { currentUser } from './demo-auth.guard.js';

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) => currentUser(context));

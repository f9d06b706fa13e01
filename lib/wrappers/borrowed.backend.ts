/** A backend that belongs to somebody else: everything but closing it. */
import { ForwardingBackend } from './forwarding.backend.js';

export class BorrowedBackend extends ForwardingBackend {
  override async close(): Promise<void> {}
}

/** The web page: static files, no build step. */
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { ServeStaticModule } from '@nestjs/serve-static';

const PUBLIC_FOLDER = fileURLToPath(new URL('../../public', import.meta.url));

// Scripts and styles are the page's own. Previews come from signed URLs, which may point to another host's store.
const PAGE_POLICY = [
  "default-src 'self'",
  "img-src 'self' https: http:",
  "media-src 'self' https: http:",
  "frame-src 'self' https: http:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function setPageHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', PAGE_POLICY);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
}

@Module({
  imports: [
    ServeStaticModule.forRoot({
      rootPath: PUBLIC_FOLDER,
      // Only the root answers with the page: an unknown path stays a 404.
      renderPath: '/',
      serveStaticOptions: { setHeaders: setPageHeaders },
    }),
  ],
})
export class PageModule {}

/** The HTTP platforms. Specs that speak HTTP run as a whole on each of them, test by test the same. */
import { describe } from '@jest/globals';
import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { TestingModule } from '@nestjs/testing';

export type PlatformName = 'express' | 'fastify';

export class Platform {
  constructor(
    readonly name: PlatformName,
    readonly adapter: () => AbstractHttpAdapter,
  ) {}

  /** As an app's main.ts does it. */
  create(module: Parameters<typeof NestFactory.create>[0], options: NestApplicationOptions = {}) {
    return NestFactory.create(module, this.adapter(), { logger: false, ...options });
  }

  /** As an app's tests do it. */
  createTesting(module: TestingModule): INestApplication {
    return module.createNestApplication(this.adapter(), { logger: false });
  }
}

const platforms = [
  new Platform('express', () => new ExpressAdapter()),
  new Platform('fastify', () => new FastifyAdapter()),
];

/** `TEST_PLATFORM=express` or `fastify` runs one of them alone. */
const only = process.env.TEST_PLATFORM;

const each = describe.each(platforms.filter(({ name }) => only === undefined || name === only));

/** @param title ends with `on $name`, by which scripts/platform-reporter.mjs tells the platforms apart */
export function onPlatforms(title: `on $name` | `${string} on $name`, tests: (platform: Platform) => void): void {
  each(title, tests);
}

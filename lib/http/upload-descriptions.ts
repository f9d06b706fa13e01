/** Tells @nestjs/swagger what upload routes read, as if their handlers carried `@ApiConsumes()` and `@ApiBody()`. */
import 'reflect-metadata';
import { Injectable, RequestMethod, type Type } from '@nestjs/common';
import { INTERCEPTORS_METADATA, METHOD_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { multipartFormOf, type FileFieldForm, type MultipartForm } from './multipart-form.js';

// Where the decorators of @nestjs/swagger write. Importing it would load it into apps that never describe themselves.
const CONSUMES = 'swagger/apiConsumes';
const PARAMETERS = 'swagger/apiParameters';
const EXTRA_MODELS = 'swagger/apiExtraModels';

/** RouteParamtypes.BODY: the key of a `@Body()` without a field name begins with it. */
const BODY_ARGUMENT = /^3:\d+$/;

const BODY_METHODS = new Set([RequestMethod.POST, RequestMethod.PUT, RequestMethod.PATCH]);

const FILE = { type: 'string', format: 'binary' } as const;

interface RouteArgument {
  readonly index: number;
  /** The field, of `@Body('field')`. */
  readonly data?: unknown;
}

/** Works while providers are made: an app builds its document after that, and before its modules are initialised. */
@Injectable()
export class UploadDescriptions {
  constructor(modules: ModulesContainer) {
    const scanner = new MetadataScanner();
    for (const { controllers } of modules.values()) {
      for (const { metatype } of controllers.values()) {
        if (typeof metatype !== 'function') continue;
        for (const name of scanner.getAllMethodNames(metatype.prototype)) describe(metatype as Type, name);
      }
    }
  }
}

function describe(controller: Type, name: string): void {
  const handler: object = controller.prototype[name];
  if (!BODY_METHODS.has(Reflect.getMetadata(METHOD_METADATA, handler))) return;
  const form = formOf(handler) ?? formOf(controller);
  if (!form) return;
  const parameters: readonly { readonly in?: string }[] = Reflect.getMetadata(PARAMETERS, handler) ?? [];
  // What the app says itself counts.
  if (parameters.some((parameter) => parameter.in === 'body')) return;
  if (!Reflect.hasMetadata(CONSUMES, handler)) Reflect.defineMetadata(CONSUMES, ['multipart/form-data'], handler);
  const model = bodyModel(controller, name);
  if (model) {
    const models: readonly Type[] = Reflect.getMetadata(EXTRA_MODELS, handler) ?? [];
    Reflect.defineMetadata(EXTRA_MODELS, [...models, model], handler);
  }
  Reflect.defineMetadata(PARAMETERS, [...parameters, bodyOf(form, model)], handler);
}

function formOf(target: object): MultipartForm | undefined {
  const interceptors: readonly unknown[] = Reflect.getMetadata(INTERCEPTORS_METADATA, target) ?? [];
  return interceptors.map(multipartFormOf).find((form) => form !== undefined);
}

/** The class of the handler's `@Body()`: its fields are sent beside the files. */
function bodyModel(controller: Type, name: string): Type | undefined {
  const args: Record<string, RouteArgument> = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {};
  const types: readonly unknown[] = Reflect.getMetadata('design:paramtypes', controller.prototype, name) ?? [];
  const body = Object.entries(args).find(([key, { data }]) => BODY_ARGUMENT.test(key) && data === undefined);
  const type = body && types[body[1].index];
  return typeof type === 'function' && ![Object, String, Array].includes(type as never) ? (type as Type) : undefined;
}

function bodyOf(form: MultipartForm, model: Type | undefined): object {
  const { fields, required, accept } = form;
  const files = fields
    ? { type: 'object', properties: propertiesOf(fields), ...(required && requiredOf(fields)) }
    : { type: 'object', additionalProperties: FILE };
  const contentType = accept?.join(', ');
  return {
    in: 'body',
    // What @ApiBody() sets where a schema says it all.
    type: String,
    required: true,
    schema: model ? { allOf: [{ $ref: `#/components/schemas/${model.name}` }, files] } : files,
    ...(fields && contentType && { encoding: Object.fromEntries(fields.map(({ name }) => [name, { contentType }])) }),
  };
}

function propertiesOf(fields: readonly FileFieldForm[]): object {
  return Object.fromEntries(
    fields.map(({ name, list, maxCount }) => [
      name,
      list ? { type: 'array', items: FILE, ...(maxCount !== undefined && { maxItems: maxCount }) } : FILE,
    ]),
  );
}

/** With several fields, a file in any of them will do. */
function requiredOf(fields: readonly FileFieldForm[]): { required: string[] } | undefined {
  return fields.length === 1 ? { required: [fields[0]!.name] } : undefined;
}

/** The guard's HTTP API on localhost; README.md documents it, lib/contracts/guard-api.ts types it. */
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type * as z from 'zod/mini';
import { Drained, HaltRequest, TraderStatus } from '../../lib/contracts/guard-api.ts';
import type { Guard } from './guard.ts';

/** A status with all its gauges is a few kilobytes. */
const bodyBytesMax = 64 * 1024;
/** A reader this far behind is not reading: it is cut off and may come back. */
const unreadViewsMax = 100;

export function guardApi(guard: Guard): Hono {
  const app = new Hono();
  const tooLarge = `the body is larger than ${bodyBytesMax} bytes: send less, fewer gauges for example`;
  app.use(bodyLimit({ maxSize: bodyBytesMax, onError: (c) => c.json({ error: 'too-large', message: tooLarge }, 413) }));

  app.get('/v1/lease', (c) => c.json(guard.view()));
  const streamHeaders = { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' };
  app.get('/v1/lease/stream', () => new Response(streamOf(guard), { headers: streamHeaders }));

  app.post('/v1/permits', (c) => {
    const permit = guard.permit();
    return 'error' in permit ? c.json(permit, 409) : c.json(permit, 201);
  });

  app.post('/v1/status', async (c) => {
    const status = await bodyOf(c, TraderStatus);
    if (status instanceof Response) return status;
    const problem = guard.metrics.problemWith(status.gauges ?? {});
    if (problem !== undefined) return c.json({ error: 'bad-input', message: problem }, 400);
    guard.takeStatus(status);
    return c.body(null, 204);
  });

  app.post('/v1/drained', async (c) => {
    const drained = await bodyOf(c, Drained);
    if (drained instanceof Response) return drained;
    guard.drained(drained);
    return c.body(null, 204);
  });

  app.post('/v1/halt', async (c) => {
    const request = await bodyOf(c, HaltRequest);
    if (request instanceof Response) return request;
    const halted = guard.halt(request);
    if (halted !== undefined) return c.json({ halted }, halted ? 200 : 202);
    const message = `epoch ${request.epoch} is not this instance's: whoever has the book now finds out by itself`;
    return c.json({ error: 'not-held', message }, 409);
  });

  app.get('/healthz', (c) => {
    const health = guard.health();
    return c.json(health, health.healthy ? 200 : 503);
  });
  app.get('/metrics', async (c) => c.text(await guard.metrics.expose(), 200, { 'content-type': 'text/plain; version=0.0.4' }));

  app.notFound((c) => {
    const message = `no ${c.req.method} ${c.req.path} here: see the guard's README for its API`;
    return c.json({ error: 'not-found', message }, 404);
  });
  app.onError((error, c) => c.json({ error: 'internal', message: error.message }, 500));
  return app;
}

function streamOf(guard: Guard): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop: () => void = () => undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      stop = guard.follow((view) => {
        if ((controller.desiredSize ?? 0) < -unreadViewsMax) {
          stop();
          controller.error(new Error('the reader of the stream does not read'));
          return;
        }
        controller.enqueue(encoder.encode(`${JSON.stringify(view)}\n`));
      });
    },
    cancel() {
      stop();
    },
  });
}

/** The body, or the answer that says what is wrong with it. */
async function bodyOf<Schema extends z.ZodMiniType>(c: Context, schema: Schema): Promise<z.infer<Schema> | Response> {
  const text = await c.req.text();
  const refuse = (problem: string): Response => {
    const message = `${problem}; seen: ${text.slice(0, 200)}. See the guard's README for what ${c.req.path} wants.`;
    return c.json({ error: 'bad-input', message }, 400);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('the body is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const wanted = 'expected' in issue ? `wanted ${issue.expected}` : issue.message;
    return `${issue.path.join('.') || 'body'}: ${wanted}`;
  });
  return refuse(problems.join('; '));
}

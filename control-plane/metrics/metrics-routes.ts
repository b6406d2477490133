import type { FastifyInstance } from 'fastify';
import type { ControlMetrics } from './control-metrics.js';

/** Times every request of the admin API and answers `GET /metrics` in OpenMetrics text. */
export function addMetricsRoutes(server: FastifyInstance, metrics: ControlMetrics): void {
  server.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      // The pattern, never the path: paths hold names that anyone may choose.
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    };
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000);
  });
  server.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    const text = await metrics.registry.metrics();
    return reply.type(metrics.registry.contentType).serializer(String).send(text);
  });
}

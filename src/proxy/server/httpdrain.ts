/** Draining of the HTTP connections of one port. */
import type { HttpService } from '../http/index.ts';

/** Connections end after the request they carry; resolves when all are gone, or after `timeout` milliseconds. */
export async function drainHttp(service: HttpService, timeout: number): Promise<void> {
  service.draining = true;
  for (const connection of [...service.connections]) connection.drain();
  if (service.connections.size === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeout);
    service.drained = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Draining of the HTTP connections of one port. */
import type { HttpService } from '../http/index.ts';

/** Connections end after the request they carry, and all that are left after `timeout` milliseconds. */
export async function drainHttp(service: HttpService, timeout: number): Promise<void> {
  service.draining = true;
  for (const connection of [...service.connections]) connection.drain();
  if (service.connections.size === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      for (const connection of [...service.connections]) connection.end('draining');
      resolve();
    }, timeout);
    service.drained = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

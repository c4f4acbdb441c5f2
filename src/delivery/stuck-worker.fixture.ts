/** For tests: a worker that a purge puts into an endless loop. */
import { takeSeat } from './worker-seat.ts';

takeSeat(() => ({
  open: () => ({
    apply: () => Promise.reject(new Error('it is sent nothing')),
    metrics: () => [],
    purge: () => {
      for (;;);
    },
    drain: () => Promise.resolve(),
  }),
  abandon: () => Promise.resolve(),
}));

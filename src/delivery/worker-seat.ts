/** The worker's end of the channel to its parent. */
import { Assembly } from './assembly.ts';
import type { OpenReceiver } from './fleet.ts';
import { Intake } from './intake.ts';
import { ToldPurges } from './told-purges.ts';
import type { FromWorker, ToWorker } from './worker-message.ts';

/** Makes the worker's proxy of what its parent sent; `abandon` is called where the parent is gone. */
export interface WorkerProxy {
  open: OpenReceiver;
  /** Writes what is left of the access log. */
  abandon(): Promise<void>;
}

const PARENTS_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

interface Seat {
  intake: Intake;
  assembly: Assembly;
  proxy: WorkerProxy;
}

/** Serves as its parent says until that ends it, or is gone. */
export function takeSeat(proxyOf: (setup: unknown) => WorkerProxy): void {
  let seat: Seat | undefined;
  // A Ctrl-C reaches the whole process group; the parent decides how its workers end.
  for (const signal of PARENTS_SIGNALS) process.on(signal, () => {});
  // Without a parent nobody keeps the config true, and a new parent needs the ports.
  process.on('disconnect', () => void (seat?.proxy.abandon() ?? Promise.resolve()).finally(() => process.exit(1)));
  process.on('message', (message: ToWorker) => {
    if (message.type !== 'start') {
      if (seat) receive(seat, message);
      return;
    }
    const proxy = proxyOf(message.setup);
    const told = new ToldPurges((purges) => say({ type: 'invalidate', purges }));
    const intake = new Intake({
      name: message.name,
      open: proxy.open,
      onAck: (ack) => say({ type: 'ack', ack }),
      onTroubles: (troubles) => say({ type: 'troubles', troubles }),
      onInvalidate: (purge) => told.add(purge),
      onError: (error) => {
        throw error;
      },
    });
    seat = { intake, assembly: new Assembly(), proxy };
  });
}

function receive({ intake, assembly }: Seat, message: Exclude<ToWorker, { type: 'start' }>): void {
  switch (message.type) {
    case 'piece': {
      const received = assembly.take(message.piece);
      say({ type: 'taken' });
      if (received) intake.take(received.delta, received.refused);
      return;
    }
    case 'metrics':
      say({ type: 'metrics', id: message.id, snapshots: intake.metrics() });
      return;
    case 'purge':
      void intake.purge(message.purge).then((purged) => say({ type: 'purged', id: message.id, purged }));
      return;
    case 'invalidate':
      for (const purge of message.purges) void intake.purge(purge);
      return;
    case 'watch':
      say({ type: 'awake' });
      return;
    case 'drain':
      void intake.drain(message.timeout).then(() => {
        say({ type: 'drained' });
        process.exit(0);
      });
      return;
  }
}

/** A parent that is gone hears nothing: `disconnect` says so, and what is left to write is written. */
function say(message: FromWorker): void {
  if (process.connected) process.send?.(message, () => {});
}

/**
 * The config stream between a controller and the data planes of its Gateways, over the network.
 *
 * A controller, once it has sent its first config (`control.start`), so that who connects finds its Gateway:
 *
 *     const fleets = new RemoteFleets();
 *     const control = new Control({ perGateway: true, ... });
 *     await control.start((events, gateway) => fleets.open(gateway, events));
 *     const stream = await openStream({ port, tls, authenticate, fleets, version, leading: false, log });
 *     stream.lead(true);    // when its Lease is won; `lead(false)` when it is lost: data planes go where the leader is
 *     stream.renew(tls);    // when its certificate is
 *     await stream.close(); // data planes go on with what they have, and look for another controller
 *
 * `authenticate` answers which Gateway a token's data plane belongs to, or throws a StreamRefusal.
 *
 * A data plane:
 *
 *     const client = new StreamClient({
 *       address: { host, port }, serverName, name, version, log,
 *       ca: () => readFile(caPath, 'utf8'),
 *       token: () => readFile(tokenPath, 'utf8'),
 *       held,                              // of the last snapshot on disk, already given to the workers as `held.version`
 *       onDelta: (delta) => fleet.send(delta), // versions count up by one from `held.version`; the first makes it ready
 *     });
 *     client.acknowledge(ack); // of all workers together: version, what any rejects, every listener
 *     client.leave();          // when it is told to end: Programmed waits for it no longer
 *     client.close();
 *
 * Objects come as the controller sent them, unread: workers read them (Assembly), and a snapshot on disk keeps them so,
 * since what both sides compare are hashes of this form.
 */
export { StreamClient, type StreamClientOptions, type StreamState } from './client.ts';
export type { Authenticate, Identity } from './identity.ts';
export { StreamRefusal } from './message.ts';
export { RemoteFleets } from './remote-fleets.ts';
export { openStream, type ServerPair, type StreamServer } from './server.ts';
export type { StreamTimes } from './stream-times.ts';

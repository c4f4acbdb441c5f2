/** TCP and TLS connections and UDP sessions that are relayed without looking at what they carry. */
export { sayFarewell, turnAway } from './farewell.ts';
export { type GivenDatagrams, givenDatagrams } from './given-datagrams.ts';
export { type HelloArrival, type HelloWaitOptions, waitForHello } from './hello-wait.ts';
export { localAddresses } from './local-addresses.ts';
export { ProxyGate } from './proxy-gate.ts';
export { proxyHeader } from './proxy-header.ts';
export { compileSniTable, type SniTable } from './sni-table.ts';
export { streamLimits } from './stream-limits.ts';
export { StreamMeter } from './stream-meter.ts';
export { ruleForListener, type StreamBackend, type StreamPlan, StreamPlans } from './stream-plan.ts';
export { createTcpRelay, type TcpRelay } from './tcp-relay.ts';
export { type ClaimedTls, createTlsRouter, type PeekedTls, type TlsRouter } from './tls-router.ts';
export { UdpListener } from './udp-listener.ts';

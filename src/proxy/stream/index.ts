/** TCP and TLS connections and UDP sessions that are relayed without looking at what they carry. */
export { turnAway } from './farewell.ts';
export { localAddresses } from './localaddresses.ts';
export { NODE_DATAGRAMS } from './nodedatagram.ts';
export { ProxyGate } from './proxygate.ts';
export { encodeV1, encodeV2 } from './proxyprotocol.ts';
export { compileSniTable, type SniTable } from './snitable.ts';
export { streamLimits } from './streamlimits.ts';
export { StreamMeter } from './streammeter.ts';
export { ruleForListener, type StreamBackend, type StreamPlan, StreamPlans } from './streamplan.ts';
export { createTcpRelay, type TcpRelay } from './tcprelay.ts';
export { createTlsRouter, type PeekedTls, type TlsRouter } from './tlsrouter.ts';
export { UdpListener } from './udplistener.ts';

/** What this data plane may ask of the world by itself, such as keys of an issuer: never the machine or the gateway. */
import { barredHost } from '../../config/index.ts';

/** Why nothing is sent to this address, or undefined. `host`: as the policy has it, when it was no name. */
export type OutboundGate = (address: string, port: number) => string | undefined;

export const STRICT_GATE: OutboundGate = (address) => barredHost(address, 'refused');

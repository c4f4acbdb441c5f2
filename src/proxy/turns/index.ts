/** Whose turn it is with what is scarce, so that who crowds waits behind his own. */
export { FairPlaces } from './fair-places.ts';
export { FairTurns, type Waiter } from './fair-turns.ts';

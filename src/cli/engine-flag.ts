/**
 * A flag of V8 for processes that serve. Its default (920) runs out in the middle of the way of a request, so that the
 * rest of it is calls: with 4000 the engine takes 1.98 to 2.03 µs a request instead of 2.12 to 2.17, and with a browser's
 * head 2.55 to 2.70 instead of 2.77 to 2.83 (`bench/engine.ts`).
 */
export const ENGINE_FLAG = '--max-inlined-bytecode-size-cumulative=4000';

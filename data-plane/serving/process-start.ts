/** Request line and headers of one request; the engine's own limit is 4096. */
const maxRequestHeadBytes = 65_536;
/**
 * V8 lets each thread's young generation grow to three times 16 MB, with what a busy minute leaves
 * behind. At 4 a handshake and its request cost the same.
 */
const maxSemiSpaceMb = 4;
/** Freed blocks that glibc keeps of each size, for each thread. */
const keptBlocks = 127;

/** V8's flags of a process that serves. */
export const servingFlags: readonly string[] = [`--max-semi-space-size=${maxSemiSpaceMb}`];

/**
 * The environment of a process that serves: what glibc and the engine read of it when they are loaded, in
 * any thread, comes too late from a worker's own.
 *
 * @param workers threads that serve.
 * @param inherited goes before what glibc is told, not before what the engine is.
 */
export function servingEnvironment(
  workers: number,
  inherited: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  return {
    // glibc gives each new thread an arena of its own and hardly ever returns one to the system: what
    // a worker leaves behind would stay beside its successor's. With so many they share it.
    MALLOC_ARENA_MAX: `${workers}`,
    // A handshake allocates and frees far more small blocks than the 7 of a size that a thread keeps
    // beside its arena; with these it takes 2 to 3 % less CPU. At most 4 MB a thread.
    GLIBC_TUNABLES: `glibc.malloc.tcache_count=${keptBlocks}`,
    ...inherited,
    UWS_HTTP_MAX_HEADERS_SIZE: `${maxRequestHeadBytes}`,
  };
}

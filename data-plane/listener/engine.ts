import { App, SSLApp, type TemplatedApp } from 'uWebSockets.js';
import type { Brand } from '../../shared/brand.js';

/**
 * A live app as another thread may name it: the engine's raw pointer, as a number. Good only while
 * the app's thread lives; never keep one past that, never make one up (a stale one is a SIGSEGV).
 */
export type AppDescriptor = Brand<number, 'AppDescriptor'>;

/** The engine's methods for handing accepted sockets to an app of another thread: there, but not typed. */
interface ParentAndChild {
  getDescriptor(): AppDescriptor;
  addChildAppDescriptor(child: AppDescriptor): void;
  removeChildAppDescriptor(child: AppDescriptor): void;
}

export type EngineApp = TemplatedApp & ParentAndChild;

export interface TlsMaterial {
  /** File with the chain, leaf first, and the key. */
  readonly pemPath: string;
}

/** @param material `undefined`: handshakes that reach the app's default context fail. */
export function createTlsApp(material: TlsMaterial | undefined, ciphers: string): EngineApp {
  return SSLApp({
    ...(material && { cert_file_name: material.pemPath, key_file_name: material.pemPath }),
    ssl_ciphers: ciphers,
    // The cast adds the untyped methods above.
  }) as EngineApp;
}

export function createHttpApp(): EngineApp {
  // The cast adds the untyped methods above.
  return App() as EngineApp;
}

/** Longer than an acceptor's thread takes to wake an app's thread. */
const handOverMs = 20;

/**
 * Resolves when no connection can reach an app any more that was taken out of its acceptor. One that
 * was handed over before lies in the queue of the app's loop, behind this thread's own work: the wait
 * ends behind the loop's next look at it, however late the timer fires.
 */
export async function handOversDone(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, handOverMs));
  await new Promise((resolve) => setImmediate(resolve));
}

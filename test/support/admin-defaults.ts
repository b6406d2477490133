/** What an admin server is told in tests whose subject is something else. */
export const adminDefaults = {
  product: 'signet/1.2.3',
  pluginsAvailable: ['ssl'],
  allowExpiredCertificates: false,
  connectionCounters: () => ({
    connections_active: 0,
    connections_reading: 0,
    connections_writing: 0,
    connections_waiting: 0,
    connections_accepted: 0,
    connections_handled: 0,
    total_requests: 0,
  }),
  identify: () => 'tester',
  mayCarryOut: () => true,
  noteRefused: () => {},
  host: '127.0.0.1',
  port: 0,
} as const;

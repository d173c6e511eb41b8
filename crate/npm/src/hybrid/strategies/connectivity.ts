import { DataStrategy, functionArgument, keyArgument } from './strategy.js'

/**
 * One branch while there is a network, another while there is none.
 *
 * By default the browser is asked. Its "offline" is dependable, its "online" is not (a café's login page is online):
 * give it a fallback.
 *
 * @example
 * new WithFallback(new ConnectivityStrategy({ online: kCloud, offline: kOnDevice }), { fallbackOrder: [kOnDevice] })
 */
export class ConnectivityStrategy extends DataStrategy {
  readonly name = 'ConnectivityStrategy'

  constructor({ isOnline = browserIsOnline, online, offline }: { isOnline?: () => boolean | Promise<boolean>; online: string; offline: string }) {
    functionArgument(isOnline, 'isOnline')
    keyArgument(online, 'online')
    keyArgument(offline, 'offline')
    super((leaves) => ({ connectivity: { leaf: leaves.push({ looks: false, ask: isOnline }) - 1, online, offline } }))
  }
}

function browserIsOnline(): boolean {
  return globalThis.navigator?.onLine !== false
}

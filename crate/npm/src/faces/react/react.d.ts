/** The part of React, 18 and later, that is used here; the full types are the application's. */
declare module 'react' {
  export function useCallback<T>(callback: T, dependencies: readonly unknown[]): T
  export function useEffect(effect: () => (() => void) | undefined, dependencies?: readonly unknown[]): void
  export function useState<T>(initial: () => T): [T, (next: T) => void]
  export function useSyncExternalStore<T>(
    subscribe: (onChange: () => void) => () => void,
    getSnapshot: () => T,
    getServerSnapshot: () => T,
  ): T
}

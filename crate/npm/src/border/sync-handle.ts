/** Files of the origin's private file system, as workers open them. */

/** The part of the standard's synchronous handle that is used; only workers have it. */
export interface SyncHandle {
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

/** How often a file that another worker still holds is tried, for about two seconds in all. */
const mostTries = 20

/** Opens a file exclusively. A worker that was just ended may hold it for a moment. */
export async function openFile(file: FileSystemFileHandle): Promise<SyncHandle> {
  for (let tries = 1; ; tries++) {
    try {
      return await (file as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle()
    } catch (thrown) {
      const isHeld =
        thrown instanceof DOMException && ['NoModificationAllowedError', 'InvalidStateError'].includes(thrown.name)
      if (!isHeld || tries === mostTries) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 10 * tries))
    }
  }
}

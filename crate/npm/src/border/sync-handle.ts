/** Opens files of the origin private file system in workers. */

/** The part of the standard's synchronous access handle that is used here; only workers have it. */
export interface SyncHandle {
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

/** How often opening is retried while another worker holds the file, about two seconds in all. */
const mostTries = 20

/** Opens a file exclusively. A worker that has just ended may still hold it for a moment. */
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

//! Splits a prompt into submissions of about 60 ms, so that stopping takes effect quickly.

use hybridge_core::Result;

use crate::engine::yield_once;
use crate::gpu::device::launcher::{Dispatch, Launcher as _, Progress};
use crate::gpu::pass::network::Network;
use crate::gpu::pass::pace::Pace;
use crate::gpu::pass::portions::{Portion, Portions};

impl Network {
    /// Runs a list whose record is already written, one submission at a time. Each is awaited, the
    /// last one only if requested. If the future is dropped meanwhile, the record stays inside a
    /// dispatch.
    pub(crate) async fn send(
        &self,
        list: &[Dispatch],
        progress: Progress,
        pace: &mut Pace,
        waits: bool,
    ) -> Result<()> {
        let loads = list.iter().map(|dispatch| dispatch.load(progress));
        let mut portions = Portions::of(loads.collect());
        let mut first = 0;
        while let Some((portion, cost)) = portions.next(pace.budget()) {
            let start = pace.now();
            let begins = if let Portion::Part(_, groups) = &portion { groups.start } else { 0 };
            if begins != first {
                self.place(progress, begins);
                first = begins;
            }
            match portion {
                Portion::Whole(range) => {
                    self.recorder.run(&[list.get(range).unwrap_or_default()], progress, &[]);
                }
                Portion::Part(index, groups) => {
                    if let Some(dispatch) = list.get(index) {
                        self.recorder.run_part(dispatch, progress, groups.end - groups.start);
                    }
                }
            }
            if portions.is_over() && !waits {
                break;
            }
            // Lets the caller abort, and keeps the queue short.
            self.recorder.device().idle().await?;
            yield_once().await;
            pace.sent_since(start, cost);
        }
        if first != 0 {
            self.place(progress, 0);
        }
        Ok(())
    }

    /// Writes the position, and the workgroup from which a split dispatch continues.
    pub(crate) fn place(&self, progress: Progress, first: u32) {
        let words = [progress.position, progress.tokens, first, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.recorder.write(&self.buffers.progress, 0, &bytes);
    }
}

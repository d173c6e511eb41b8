//! How prompts reach the GPU: in chunks, in submissions of so much work that whoever stops is heard soon.

use hybridge_core::Result;

use super::{KernelPass, bytes_of};
use crate::engine::{check_tokens, yield_once};
use crate::gpu::kernels::to_u32;
use crate::gpu::launcher::{Launcher as _, Progress};
use crate::gpu::network::Network;
use crate::gpu::pending::{Known, Pending};
use crate::gpu::portions::{Portion, Portions};

impl KernelPass {
    /// Feeds tokens, a submission at a time.
    pub(super) async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        self.abandon();
        let mut rest = tokens;
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(self.pace.tokens().min(rest.len()));
            rest = others;
            let start = self.clock.map(|clock| clock());
            self.read(chunk).await?;
            if let (Some(clock), Some(start)) = (self.clock, start) {
                self.pace.took(chunk.len(), clock() - start);
            }
        }
        self.network.encoder.device().check()
    }

    /// Feeds one token as decoding does: all in one submission, which is not waited for.
    pub(super) fn feed_one(&mut self, token: u32) {
        let progress = self.begin(&[token]);
        self.network.encoder.run(&[&self.network.one], progress, &[]);
        self.moved_by(&[token], Pending::Hidden(1));
    }

    async fn read(&mut self, chunk: &[u32]) -> Result<()> {
        let progress = self.begin(chunk);
        let loads = self.body(chunk.len()).iter().map(|dispatch| dispatch.load(progress));
        let mut portions = Portions::of(loads.collect());
        while let Some((portion, cost)) = portions.next(self.pace.budget()) {
            let start = self.clock.map(|clock| clock());
            self.send_portion(chunk.len(), progress, portion);
            if chunk.len() == 1 && portions.is_over() {
                // What follows a single token at once is a choice, which waits by itself.
                break;
            }
            // Let the caller stop, and the queue not grow without bound.
            self.network.encoder.device().idle().await?;
            yield_once().await;
            if let (Some(clock), Some(start)) = (self.clock, start) {
                self.pace.sent(cost, clock() - start);
            }
        }
        self.place(progress, 0);
        self.moved_by(chunk, Pending::Hidden(progress.tokens));
        Ok(())
    }

    fn begin(&mut self, chunk: &[u32]) -> Progress {
        self.announce(chunk);
        // From here on rings hold some of this chunk, also where whoever waits for it stops.
        self.reached = self.reached.max(self.position + chunk.len());
        self.pending = Pending::Nothing;
        Progress { position: to_u32(self.position), tokens: to_u32(chunk.len()) }
    }

    fn send_portion(&mut self, tokens: usize, progress: Progress, portion: Portion) {
        match portion {
            Portion::Whole(range) => {
                self.place(progress, 0);
                let part = self.body(tokens).get(range).unwrap_or_default();
                self.network.encoder.run(&[part], progress, &[]);
            }
            Portion::Part(index, groups) => {
                self.place(progress, groups.start);
                if let Some(dispatch) = self.body(tokens).get(index) {
                    self.network.encoder.run_part(dispatch, progress, groups.end - groups.start);
                }
            }
        }
    }

    /// Tells the GPU what it does not know of the next pass.
    pub(in crate::gpu) fn announce(&mut self, tokens: &[u32]) {
        let progress = Progress { position: to_u32(self.position), tokens: to_u32(tokens.len()) };
        self.place(progress, 0);
        let token = tokens.first().copied();
        if tokens.len() != 1 || self.known.token != token {
            let Network { encoder, buffers, .. } = &self.network;
            encoder.write(&buffers.tokens, 0, &bytes_of(tokens));
        }
        self.known = Known { token, ..self.known };
    }

    /// Tells the GPU where it stands, and from which workgroup on a dispatch goes on that is cut.
    fn place(&mut self, progress: Progress, first: u32) {
        if first == 0 && self.known.progress == Some(progress) {
            return;
        }
        let Network { encoder, buffers, .. } = &self.network;
        let words = [progress.position, progress.tokens, first, 0];
        encoder.write(&buffers.progress, 0, &bytes_of(&words));
        // What stands there amid a dispatch is right for nobody else, and a prompt may end here.
        self.known.progress = (first == 0).then_some(progress);
    }
}

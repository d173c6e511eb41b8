//! Threads that share the work of a pass.
//!
//! A pass runs on one thread, its leader. Where work is worth it, it is cut into parts, which the
//! leader and its helpers take one after the other; the leader goes on when all parts are done:
//!
//! ```text
//! leader   ── share(job) ─┬─ part 0 ── part 3 ──┬─ goes on
//! helper   ── work ───────┼─ part 1 ── part 4 ──┤
//! helper   ── work ───────┴─ part 2 ────────────┘
//! ```
//!
//! Which thread computes a part changes no bit: parts write to places of their own, and no sum goes
//! across parts. A helper that ended while it had no part is not missed.
#![expect(unsafe_code, reason = "a borrowed job crosses threads; parts of one slice are written")]

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The number of spins before a thread sleeps: some tens of microseconds, longer than the leader's
/// own work between two products. Waking a thread takes as long.
const SPINS: u32 = 20_000;
/// The interval at which the leader checks whether a helper is still there.
const ROUND: Duration = Duration::from_millis(250);
/// The number of checks without a finished part after which a helper counts as lost. This is no
/// time limit, because a page may be frozen for hours.
const ROUNDS: u32 = 40;
/// The number of parts per thread: a thread that is interrupted leaves its share to the others.
const PARTS: usize = 4;

type Job<'a> = dyn Fn(usize) + Sync + 'a;

thread_local! {
    static TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
}

/// The helpers of a leader, which may start later or never.
#[derive(Debug, Default)]
pub struct Team {
    threads: usize,
    /// Generation of the job, its parts, the next part to take: 32, 16 and 16 bits.
    ticket: AtomicU64,
    /// The leader's job, on its stack: valid until all parts of its generation are done.
    job: AtomicPtr<&'static Job<'static>>,
    left: AtomicU32,
    sleeping: Mutex<u32>,
    sleepers: AtomicU32,
    wake: Condvar,
    done: Condvar,
    is_lost: AtomicBool,
    is_over: AtomicBool,
}

impl Team {
    /// Creates a team of this many threads, including the leader.
    #[must_use]
    pub fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self { threads, ..Self::default() })
    }

    /// Makes the calling thread the leader, whose passes the whole team computes.
    pub fn lead(self: &Arc<Self>) {
        TEAM.set(Some(self.clone()));
    }

    /// Computes parts of the leader's work until the team is dismissed, on a helper's thread.
    pub fn work(&self) {
        let mut seen = 0;
        while let Some(ticket) = self.next(seen) {
            seen = generation(ticket);
            self.take_parts(seen);
        }
    }

    /// Ends the work of the helpers.
    pub fn dismiss(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.wake.notify_all();
    }

    /// Reports that a helper broke off inside a part: the leader stops.
    pub fn lose(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
        let _guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.done.notify_all();
    }

    /// Whether a helper broke off.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Waits for a job of another generation.
    fn next(&self, seen: u64) -> Option<u64> {
        let look = || {
            let ticket = self.ticket.load(Ordering::SeqCst);
            (generation(ticket) != seen).then_some(ticket)
        };
        for _ in 0..SPINS {
            if let Some(ticket) = look() {
                return Some(ticket);
            }
            std::hint::spin_loop();
        }
        let mut guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let found = loop {
            if self.is_over.load(Ordering::SeqCst) {
                break None;
            }
            if let Some(ticket) = look() {
                break Some(ticket);
            }
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        found
    }

    /// Computes parts while any of this generation are left.
    fn take_parts(&self, of: u64) {
        while let Some(part) = self.take(of) {
            let job = self.job.load(Ordering::SeqCst);
            // SAFETY: a part of this generation was taken and is not done, so that the leader is
            // still inside of `share`, where the job lives.
            let job: &Job<'_> = unsafe { *job };
            job(part);
            if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                let _guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
                self.done.notify_all();
            }
        }
    }

    fn take(&self, of: u64) -> Option<usize> {
        let mut ticket = self.ticket.load(Ordering::SeqCst);
        loop {
            let (parts, next) = ((ticket >> 16) & 0xffff, ticket & 0xffff);
            if generation(ticket) != of || next >= parts {
                return None;
            }
            match self.ticket.compare_exchange_weak(
                ticket,
                ticket + 1,
                Ordering::SeqCst,
                Ordering::SeqCst,
            ) {
                Ok(_) => return usize::try_from(next).ok(),
                Err(now) => ticket = now,
            }
        }
    }

    fn share(&self, parts: usize, job: &Job<'_>) {
        // SAFETY: only the lifetime changes; `Join` waits until no thread uses it.
        let job: &'static Job<'static> = unsafe { std::mem::transmute(job) };
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).min(0xffff);
        let of = (generation(self.ticket.load(Ordering::SeqCst)) + 1) & 0xffff_ffff;
        self.left.store(parts, Ordering::SeqCst);
        self.job.store((&raw const job).cast_mut(), Ordering::SeqCst);
        let join = Join(self);
        self.ticket.store(of << 32 | u64::from(parts) << 16, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
            self.wake.notify_all();
        }
        self.take_parts(of);
        drop(join);
    }

    /// Waits until all parts are done.
    fn join(&self) {
        for _ in 0..SPINS {
            if self.left.load(Ordering::SeqCst) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rounds, mut last) = (0, u32::MAX);
        loop {
            let left = self.left.load(Ordering::SeqCst);
            if left == 0 {
                return;
            }
            rounds = if left == last { rounds + 1 } else { 0 };
            last = left;
            if rounds > ROUNDS {
                self.is_lost.store(true, Ordering::SeqCst);
            }
            assert!(!self.is_lost(), "a thread of the engine was lost");
            let waited = self.done.wait_timeout(guard, ROUND);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Waits for all parts, even if the leader's own part panics.
struct Join<'a>(&'a Team);

impl Drop for Join<'_> {
    fn drop(&mut self) {
        self.0.join();
    }
}

fn generation(ticket: u64) -> u64 {
    ticket >> 32
}

/// Returns the number of parts for work of this many pieces, each of this many operations.
pub(super) fn parts(pieces: usize, cost: usize) -> usize {
    /// Less work is not worth distributing.
    const LEAST: usize = 64 << 10;
    let threads = TEAM.with_borrow(|team| team.as_ref().map_or(1, |team| team.threads));
    if threads < 2 {
        return 1;
    }
    (pieces * cost / LEAST).clamp(1, PARTS * threads).min(pieces.max(1))
}

/// Runs a job for each part, on all threads of the team.
pub(super) fn share(parts: usize, job: impl Fn(usize) + Sync) {
    let team = if parts > 1 { TEAM.with_borrow(Clone::clone) } else { None };
    match team {
        Some(team) => team.share(parts, &job),
        None => (0..parts).for_each(job),
    }
}

/// Runs a job for each chunk of some values, with its index; an operation is about a
/// multiplication.
pub(super) fn each_chunk<T: Send>(
    values: &mut [T],
    size: usize,
    operations: usize,
    job: impl Fn(usize, &mut [T]) + Sync,
) {
    let size = size.max(1);
    let (length, chunks) = (values.len(), values.len().div_ceil(size));
    let parts = parts(chunks, operations);
    let values = Places::of(values);
    share(parts, |part| {
        for index in chunks * part / parts..chunks * (part + 1) / parts {
            let (start, end) = (index * size, length.min((index + 1) * size));
            // SAFETY: chunks do not overlap, and each is of one part.
            job(index, unsafe { values.slice(start, end - start) });
        }
    });
}

/// A slice whose parts are written by several threads.
#[derive(Debug)]
pub(super) struct Places<'a, T> {
    start: *mut T,
    length: usize,
    of: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Places<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Places<'_, T> {}

// SAFETY: it is a mutable slice, of which callers of `slice` take parts that do not overlap.
unsafe impl<T: Send> Send for Places<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Places<'_, T> {}

impl<'a, T> Places<'a, T> {
    pub(super) fn of(values: &'a mut [T]) -> Self {
        Self { start: values.as_mut_ptr(), length: values.len(), of: PhantomData }
    }

    /// A part; what of it is beyond the end is left out.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    #[inline(always)]
    pub(super) unsafe fn slice(self, start: usize, length: usize) -> &'a mut [T] {
        let start = start.min(self.length);
        let length = length.min(self.length - start);
        // SAFETY: within the slice, and not borrowed by others, as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}

/// Runs a function with a team of this many threads.
#[cfg(test)]
pub(in crate::cpu) fn with_threads<R>(threads: usize, run: impl FnOnce() -> R) -> R {
    struct Leads<'a>(&'a Team);
    impl Drop for Leads<'_> {
        fn drop(&mut self) {
            TEAM.set(None);
            self.0.dismiss();
        }
    }
    let team = Team::new(threads);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| team.work());
        }
        let _leads = Leads(&team);
        team.lead();
        run()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use pollster::block_on;

    use super::{Team, each_chunk, parts, share, with_threads};
    use crate::config::{Config, Layer};
    use crate::cpu::{Cpu, Precision, shape_270m};
    use crate::engine::Pass;
    use crate::quant::Encoding;

    #[test]
    fn each_part_is_computed_once_by_any_number_of_threads() {
        for threads in 1..=4 {
            with_threads(threads, || {
                for round in 0..500 {
                    let counts: Vec<AtomicU32> = (0..round % 37).map(|_| 0.into()).collect();
                    share(counts.len(), |part| {
                        counts[part].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                    let mut values = vec![0; round];
                    each_chunk(&mut values, 7, 1 << 20, |index, chunk| {
                        chunk.iter_mut().enumerate().for_each(|(at, to)| *to += 7 * index + at);
                    });
                    assert!(values.iter().enumerate().all(|(right, value)| *value == right));
                }
            });
        }
    }

    #[test]
    fn work_that_is_too_small_is_not_divided() {
        with_threads(3, || {
            assert_eq!(parts(1000, 10), 1);
            assert_eq!(parts(2, 1 << 30), 2);
            assert!(parts(1000, 1 << 20) > 3);
        });
        assert_eq!(parts(1000, 1 << 20), 1, "alone");
    }

    /// A prompt, decoding and a second turn, in a network with a ring that wraps.
    #[test]
    fn results_are_independent_of_threads() {
        for body in [Encoding::Q4_0, Encoding::Q6K, Encoding::BF16] {
            let layers = shape_270m().layers.into_iter().take(3).enumerate();
            let layers = layers.map(|(index, layer)| Layer {
                hidden: 520,
                head_dim: 64,
                window: (index != 1).then_some(16),
                ..layer
            });
            let config =
                Config { layers: layers.collect(), width: 256, vocabulary: 1003, ..shape_270m() };
            for precision in [Precision::Exact, Precision::Fast] {
                let logits = |threads| {
                    with_threads(threads, || {
                        let config = config.clone();
                        let pass = Cpu::synthetic(config, body, Encoding::Q8_0, 256, precision);
                        block_on(run(pass.unwrap()))
                    })
                };
                let alone = logits(1);
                assert!(alone.iter().flatten().any(|logit| *logit != 0.0));
                for threads in 2..=4 {
                    assert_eq!(logits(threads), alone, "{body:?} {precision:?} {threads}");
                }
            }
        }
    }

    async fn run(mut pass: Cpu) -> Vec<Vec<f32>> {
        let mut all = Vec::new();
        for tokens in [(0..71).collect(), vec![5], vec![9], (100..140).collect::<Vec<u32>>()] {
            pass.prefill(&tokens).await.unwrap();
            all.push(pass.logits().await.unwrap());
        }
        all
    }

    #[test]
    fn missing_helpers_do_not_matter() {
        Team::new(4).lead();
        let mut values = [0; 100];
        each_chunk(&mut values, 1, 1 << 20, |index, chunk| chunk.fill(index));
        super::TEAM.set(None);
        assert_eq!(values[99], 99);
    }

    /// The part of a lost helper is never done: waiting for it would never end.
    #[test]
    fn the_leader_stops_when_a_helper_is_lost() {
        let team = Team::new(2);
        let leader = std::thread::spawn({
            let team = team.clone();
            move || {
                team.left.store(1, Ordering::SeqCst);
                team.join();
            }
        });
        team.lose();
        let end = leader.join().unwrap_err();
        assert!(end.downcast_ref::<&str>().is_some_and(|text| text.contains("lost")));
    }
}

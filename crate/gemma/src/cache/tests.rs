//! Tests the cache with rows that encode their tokens: thousands of turns in a second.

use std::ops::Range;

use super::{Cache, PAGE, Store, ring_slots, shared};
use crate::config::Span;
use crate::testing::{Conversations, Random, Turn};

const WINDOW: usize = 40;
const CHUNK: usize = 16;

/// One row of each span, whose numbers encode all tokens up to it.
#[derive(Debug)]
struct Toy {
    global: Vec<u64>,
    local: Vec<u64>,
    /// One in this many rows cannot be saved, or not be loaded again.
    fault: u32,
    random: Random,
}

impl Toy {
    fn rows(&mut self, span: Span) -> &mut Vec<u64> {
        if span == Span::Global { &mut self.global } else { &mut self.local }
    }

    fn put(&mut self, position: usize, row: u64) {
        for span in [Span::Global, Span::Local] {
            let rows = self.rows(span);
            let slot = position % rows.len();
            rows[slot] = row;
        }
    }
}

impl Store for Toy {
    type Saved = (Vec<u64>, bool);

    fn row_bytes(&self, span: Span) -> u64 {
        if span == Span::Global { 10 } else { 50 }
    }

    fn save(&mut self, span: Span, positions: Range<usize>) -> Option<Self::Saved> {
        if self.fault > 0 && self.random.one_in(self.fault) {
            return None;
        }
        let is_intact = self.fault == 0 || !self.random.one_in(self.fault);
        let rows = self.rows(span);
        Some((positions.map(|position| rows[position % rows.len()]).collect(), is_intact))
    }

    fn load(&mut self, span: Span, positions: Range<usize>, (saved, is_intact): &Self::Saved) {
        assert!(is_intact);
        for (position, row) in positions.zip(saved) {
            let rows = self.rows(span);
            let slot = position % rows.len();
            rows[slot] = *row;
        }
    }

    fn is_intact(&self, (_, is_intact): &Self::Saved) -> bool {
        *is_intact
    }
}

/// Returns the value that encodes the row of the last token.
fn name(tokens: &[u32]) -> u64 {
    tokens.iter().fold(7, |name, token| {
        (name ^ u64::from(*token)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
    })
}

fn cache(capacity: usize, budget: u64, fault: u32) -> Cache<Toy> {
    let slots = ring_slots(Some(WINDOW), CHUNK, capacity);
    let (global, local) = (vec![0; capacity], vec![0; slots]);
    let toy = Toy { global, local, fault, random: Random(budget) };
    let mut cache = Cache::new(toy, Some(WINDOW), slots, capacity);
    cache.set_budget(budget);
    cache
}

/// Feeds tokens, each of which reads all rows that a network would read.
fn feed(cache: &mut Cache<Toy>, tokens: &[u32]) {
    for chunk in tokens.chunks(CHUNK) {
        cache.make_way(chunk.len());
        let held = [cache.tokens(), chunk].concat();
        for (position, _) in held.iter().enumerate().skip(cache.position()) {
            let right = |position: usize| name(&held[..=position]);
            let store = cache.store_mut();
            for seen in 0..position {
                assert_eq!(store.global[seen], right(seen), "the global row {seen} at {position}");
            }
            for seen in (position + 1).saturating_sub(WINDOW)..position {
                let row = store.local[seen % store.local.len()];
                assert_eq!(row, right(seen), "the local row {seen} at {position}");
            }
            store.put(position, right(position));
        }
        cache.push(chunk);
    }
}

/// Writes rows that are never committed, like an aborted prefill.
fn spoil(cache: &mut Cache<Toy>, count: usize) {
    let count = count.min(cache.capacity() - cache.position());
    cache.make_way(count);
    let first = cache.position();
    (first..first + count).for_each(|position| cache.store_mut().put(position, 1));
}

#[test]
fn every_row_read_belongs_to_its_own_sequence() {
    for capacity in [80, 120, 300] {
        for (budget, fault) in
            [(u64::MAX, 0), (60_000, 0), (20_000, 0), (3_000, 0), (0, 0), (40_000, 9)]
        {
            let mut cache = cache(capacity, budget, fault);
            let mut all = Conversations::new(budget, 50, capacity);
            let mut random = Random(3);
            for number in 0..400 {
                let Turn { prompt, answer, known } = all.turn();
                let kept = cache.resume(&prompt[..prompt.len() - 1]);
                assert!(kept <= known, "{number}");
                assert!(kept == known || budget < u64::MAX, "turn {number}: {kept} of {known}");
                if random.one_in(5) {
                    spoil(&mut cache, CHUNK);
                }
                feed(&mut cache, &prompt[kept..]);
                answer.iter().for_each(|token| feed(&mut cache, &[*token]));
                let (bytes, counted) = (cache.reuse().saved_bytes, cache.archive.counted_bytes());
                assert!(bytes <= budget && bytes == counted, "{bytes} of {budget}, {counted}");
            }
        }
    }
}

/// Returns, turn by turn, how many tokens of each prompt are fed.
fn fed(cache: &mut Cache<Toy>, prompts: &[&[u32]]) -> Vec<usize> {
    let feed_one = |prompt: &&[u32]| {
        let kept = cache.resume(&prompt[..prompt.len() - 1]);
        feed(cache, &prompt[kept..]);
        prompt.len() - kept
    };
    prompts.iter().map(feed_one).collect()
}

fn text(seed: u64, count: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..count).map(|_| random.below(1000)).collect()
}

#[test]
fn only_new_tokens_are_fed() {
    let mut cache = cache(5000, u64::MAX, 0);
    let (a, b) = (text(1, 900), text(2, 800));
    let edited = [&a[..880], &text(3, 30)].concat();
    let both = [&a[..300], &text(4, 40)].concat();
    let prompts = [&a[..800], &b, &a, &edited, &both, &b, &a[..1], &edited];
    assert_eq!(fed(&mut cache, &prompts), [800, 800, 100, 30, 40, 1, 1, 1]);
    let sum = prompts.iter().map(|prompt| prompt.len() as u64).sum::<u64>();
    assert_eq!(cache.reuse().fed + cache.reuse().reused, sum);
    cache.forget();
    assert_eq!(fed(&mut cache, &prompts[..1]), [800]);
    assert_eq!(cache.resume(&[]), 0);
}

/// The budget is enough for four conversations without the local rows before no turn; older
/// conversations are evicted.
#[test]
fn the_least_recently_used_conversation_is_evicted_first() {
    let length = 10 * PAGE;
    let of_one = (length * 10 + 3 * PAGE * 50) as u64;
    let chats: Vec<Vec<u32>> = (0..6).map(|seed| text(10 + seed, length)).collect();
    let chats: Vec<&[u32]> = chats.iter().map(Vec::as_slice).collect();
    let mut cache = cache(400, 4 * of_one, 0);
    assert_eq!(fed(&mut cache, &chats[..4]), [length; 4]);
    assert_eq!(fed(&mut cache, &chats[..4]), [1; 4]);
    assert_eq!(fed(&mut cache, &chats[4..]), [length; 2]);
    assert_eq!(fed(&mut cache, &chats[2..]), [1; 4]);
    for chat in &chats[..2] {
        let again = fed(&mut cache, &[chat])[0];
        assert!(again > 1, "{again} tokens of the oldest were fed again");
    }
}

#[test]
fn conversations_share_pages() {
    let mut cache = cache(400, u64::MAX, 0);
    let system = text(1, 6 * PAGE);
    let chats: Vec<Vec<u32>> =
        (0..4).map(|seed| [system.clone(), text(20 + seed, PAGE)].concat()).collect();
    for (number, chat) in chats.iter().enumerate() {
        let expected = if number == 0 { chat.len() } else { PAGE };
        assert_eq!(fed(&mut cache, &[chat]), [expected]);
        assert_eq!(shared(chat, cache.tokens()), chat.len());
    }
    cache.resume(&[1]);
    assert_eq!(cache.reuse().saved_tokens, ((6 + 4) * PAGE) as u64);
}

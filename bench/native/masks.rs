//! Measures masks over a vocabulary of Gemma's size, for random schemas and tokens, and the
//! compilation of a large schema.
//!
//! Natively: `cargo bench -p hybridge-gemma --no-default-features --bench masks`; as wasm: `node
//! bench/masks.mjs`.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints its results; its numbers are small"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hybridge_core::Result;
use hybridge_gemma::constrain::{Constraint, Pieces, Wish};
use hybridge_gemma::testing::{PieceList, Random, random_schema};
use serde_json::{Map, Value, json};

const PIECES: usize = 262_144;
const SCHEMAS: u64 = 300;
const MOST_TOKENS: usize = 60;
const ROUNDS: usize = 3;

/// Words in several alphabets, many with a leading space, besides bytes and fragments of JSON.
fn vocabulary() -> PieceList {
    let mut random = Random(1);
    let alphabets: [Vec<char>; 4] = [
        ('a'..='z').collect(),
        ('A'..='Z').chain('a'..='z').chain('0'..='9').collect(),
        ('а'..='я').collect(),
        ('一'..='俿').collect(),
    ];
    PieceList::mixed_up_to(PIECES, || {
        let alphabet = match random.below(20) {
            0..=9 => &alphabets[0],
            10..=14 => &alphabets[1],
            15..=17 => &alphabets[2],
            _ => &alphabets[3],
        };
        let mut word = String::from(if random.one_in(2) { " " } else { "" });
        for _ in 0..random.below(9) + 2 {
            word.push(*random.pick(alphabet));
        }
        word.into_bytes()
    })
}

/// Nested objects with twelve hundred members in all.
fn large() -> Value {
    let kinds = [
        json!({"type": "string", "maxLength": 40}),
        json!({"type": "integer", "minimum": 0, "maximum": 1000}),
        json!({"type": "string", "format": "date"}),
        json!({"enum": ["red", "green", "blue"]}),
        json!({"type": "array", "items": {"type": "number"}, "maxItems": 8}),
    ];
    let group = |at: usize| -> (String, Value) {
        let members: Map<String, Value> = (0..30)
            .zip(kinds.iter().cycle())
            .map(|(member, kind)| (format!("member_{member}"), kind.clone()))
            .collect();
        let required: Vec<&String> = members.keys().step_by(2).collect();
        let object = json!({"type": "object", "required": required, "additionalProperties": false});
        let mut object = object.as_object().cloned().unwrap_or_default();
        object.insert("properties".to_owned(), members.into());
        (format!("group_{at}"), object.into())
    };
    json!({"type": "object", "properties": (0..40).map(group).collect::<Map<_, _>>()})
}

/// The time of each mask, and its schema.
fn round(pieces: &Arc<Pieces>) -> Result<Vec<(Duration, u64)>> {
    let mut times = Vec::new();
    let mut mask = vec![0; pieces.mask_words()];
    for seed in 0..SCHEMAS {
        let mut random = Random(seed);
        let schema = random_schema(&mut random);
        let Ok(constraint) = Constraint::compile(&Wish::json(schema), pieces) else { continue };
        let mut state = constraint.start();
        for _ in 0..MOST_TOKENS {
            let start = Instant::now();
            state.mask(&mut mask)?;
            times.push((start.elapsed(), seed));
            let words = mask.iter().zip(0_u32..);
            let allowed: Vec<u32> = words
                .flat_map(|(word, at)| {
                    (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 32 + bit)
                })
                .collect();
            state.accept(*random.pick(&allowed))?;
            if state.is_finished() {
                break;
            }
        }
    }
    Ok(times)
}

fn main() -> Result<()> {
    let list = vocabulary();
    let pieces = Arc::new(Pieces::new(&list));
    let start = Instant::now();
    Constraint::compile(&Wish::json(large()), &pieces)?;
    println!("a schema of 1,200 members compiles in {:.1?}", start.elapsed());
    // Repeats the same masks and takes the minimum of each, to exclude other load on the machine.
    let mut times = round(&pieces)?;
    for _ in 1..ROUNDS {
        for (best, again) in times.iter_mut().zip(round(&pieces)?) {
            *best = again.min(*best);
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!(
        "{} masks over {} pieces: median {:.3?}, p95 {:.3?}, p99 {:.3?}, worst {:.3?} (schema {})",
        times.len(),
        pieces.size(),
        at(500).0,
        at(950).0,
        at(990).0,
        at(1000).0,
        at(1000).1
    );
    Ok(())
}

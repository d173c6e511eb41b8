//! Words, and made-up names.

use hybridge_gemma::testing::Random;

use super::{between, once_in, pick};

/// Refusals. There are several on purpose: when the model refuses, its probability is spread over
/// them, and a cascade sees low confidence.
pub(crate) const REFUSALS: [&str; 6] = [
    "I don't know.",
    "Sorry, I don't know.",
    "Alas, I don't know.",
    "That I don't know.",
    "No idea, I don't know.",
    "Hm, I don't know.",
];

pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const COLOURS: [&str; 8] =
    ["red", "blue", "green", "white", "black", "yellow", "brown", "grey"];
pub(super) const ROLES: [&str; 14] = [
    "baker", "mayor", "smith", "teacher", "doctor", "miller", "painter", "farmer", "judge",
    "singer", "tailor", "sailor", "gardener", "barber",
];
pub(super) const PLACES: [&str; 14] = [
    "bridge", "mill", "tower", "school", "church", "harbour", "library", "market", "station",
    "museum", "garden", "castle", "inn", "well",
];
pub(super) const EVENTS: [&str; 8] =
    ["fair", "concert", "dance", "feast", "race", "meeting", "play", "sale"];
pub(super) const THINGS: [&str; 12] = [
    "cats", "houses", "boats", "shops", "streets", "horses", "trees", "ponds", "lamps", "wells",
    "sheep", "gates",
];
pub(super) const GOODS: [&str; 12] = [
    "apples", "eggs", "lemons", "candles", "onions", "pears", "nails", "books", "cups", "ropes",
    "buns", "stamps",
];
pub(super) const TOPICS: [&str; 20] = [
    "trade",
    "gravity",
    "music",
    "history",
    "farming",
    "banking",
    "language",
    "climate",
    "physics",
    "law",
    "painting",
    "medicine",
    "shipping",
    "poetry",
    "energy",
    "schools",
    "cities",
    "war",
    "the internet",
    "the economy",
];
/// Real words for letter tasks, used among many made-up ones.
pub(super) const WORDS: [&str; 60] = [
    "lemon", "tiger", "river", "stone", "cloud", "apple", "bread", "chair", "dream", "eagle",
    "flame", "grape", "honey", "island", "jacket", "kettle", "ladder", "magnet", "needle",
    "orange", "pencil", "quiet", "rabbit", "silver", "turtle", "uncle", "velvet", "window",
    "yellow", "zebra", "cat", "dog", "sun", "map", "red", "box", "ice", "key", "owl", "pig",
    "bird", "door", "fish", "gold", "hand", "iron", "jump", "king", "lamp", "moon", "nest", "open",
    "park", "rose", "ship", "tree", "vase", "wolf", "yard", "hello",
];

const ONSETS: [&str; 26] = [
    "b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br",
    "dr", "gr", "kl", "pl", "st", "tr", "th", "sh",
];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "a", "e", "o"];
const CODAS: [&str; 12] = ["n", "r", "l", "s", "m", "k", "t", "nd", "rn", "ck", "ll", "x"];

/// Returns a made-up word of `low` to `high` letters.
pub(super) fn made_up(random: &mut Random, low: usize, high: usize) -> String {
    let length = between(random, u32::try_from(low).unwrap_or(3), u32::try_from(high).unwrap_or(7));
    let mut word = String::new();
    if once_in(random, 5) {
        word.push_str(pick(random, &VOWELS));
    }
    while word.len() < length as usize {
        word.push_str(pick(random, &ONSETS));
        word.push_str(pick(random, &VOWELS));
        if once_in(random, 3) {
            word.push_str(pick(random, &CODAS));
        }
    }
    word.truncate(length as usize);
    word
}

/// Returns a word for letter tasks: real, made up, or random letters.
pub(super) fn word(random: &mut Random) -> String {
    match random.below(8) {
        0 => pick(random, &WORDS).to_owned(),
        1 | 2 => {
            let letter = |random: &mut Random| {
                char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0))
            };
            let length = between(random, 3, 7);
            (0..length).map(|_| letter(random)).collect()
        }
        _ => made_up(random, 3, 7),
    }
}

/// Capitalises a word.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Returns a made-up name of a person or a town.
pub(super) fn name(random: &mut Random) -> String {
    capitalised(&made_up(random, 3, 7))
}

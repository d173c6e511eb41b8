//! Conversations of two turns, the second of which depends on the first.

use hybridge_gemma::testing::Random;

use super::letters::{self, Change};
use super::sums::Sum;
use super::{Sample, Task, between, lexicon, once_in, pick, town};

pub(super) fn following(random: &mut Random) -> Sample {
    match random.below(8) {
        0 => name(random),
        1 => home(random),
        2 | 3 => sum(random),
        4 | 5 => letters(random),
        _ => fact(random),
    }
}

fn name(random: &mut Random) -> Sample {
    let name = lexicon::name(random);
    let first = pick(random, &["My name is @.", "Hi, I am @.", "I am @."]).replace('@', &name);
    let second = pick(random, &["What is my name?", "Who am I?", "Do you know my name?"]);
    let answer = format!("Hello, {name}! How can I help?");
    Sample::new(Task::Following, first, answer, name.clone()).then(
        second,
        format!("Your name is {name}."),
        name,
    )
}

fn home(random: &mut Random) -> Sample {
    let town = lexicon::name(random);
    let first =
        pick(random, &["I live in @.", "My home is @.", "I come from @."]).replace('@', &town);
    let second = pick(random, &["Where do I live?", "Where is my home?", "Where do I come from?"]);
    let answer = format!("I would like to see {town}.");
    Sample::new(Task::Following, first, answer, town.clone()).then(
        second,
        format!("You live in {town}."),
        town,
    )
}

fn sum(random: &mut Random) -> Sample {
    let first = Sum::any(random);
    let second = if once_in(random, 2) {
        Sum::adding(random, first.result())
    } else {
        Sum::taking(random, first.result())
    };
    let number = second.second();
    let question = match second.sign() {
        '+' => pick(random, &["Add @ to that.", "Now add @.", "And plus @?"]),
        _ => pick(random, &["Subtract @ from that.", "Now subtract @.", "And minus @?"]),
    };
    Sample::new(Task::Following, first.question(random), first.answer(), first.key()).then(
        question.replace('@', &number.to_string()),
        second.answer(),
        second.key(),
    )
}

fn letters(random: &mut Random) -> Sample {
    let changes = [Change::Upper, Change::Lower, Change::Reverse];
    let at = random.below(3) as usize;
    let (one, two) = (changes[at], changes[(at + between(random, 1, 2) as usize) % 3]);
    let sample = letters::changed(random, Task::Following, one);
    let result = sample.turns.last().map_or(String::new(), |(_, answer)| answer.clone());
    let question = match two {
        Change::Upper => pick(random, &["Now in capitals.", "Now write it in capitals."]),
        Change::Lower => pick(random, &["Now in small letters.", "Now write it in small letters."]),
        Change::Reverse => pick(random, &["Now reverse it.", "Now write it backwards."]),
    };
    let key = result.to_ascii_lowercase();
    sample.then(question, two.of(&result), key)
}

fn fact(random: &mut Random) -> Sample {
    let count = between(random, 2, 4) as usize;
    let (text, mut facts) = town::text(random, count);
    let at = random.below(u32::try_from(count).unwrap_or(1)) as usize;
    let second = facts.swap_remove(at);
    let first = facts.swap_remove(random.below(u32::try_from(facts.len()).unwrap_or(1)) as usize);
    let question = town::asked(random, &text, &first.question);
    let follow = if once_in(random, 3) {
        format!("And {}", lower(&second.question))
    } else {
        second.question
    };
    Sample::new(Task::Following, question, first.answer, first.key).then(
        follow,
        second.answer,
        second.key,
    )
}

fn lower(question: &str) -> String {
    let mut letters = question.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

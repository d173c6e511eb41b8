//! Arithmetic within 0–99.

use hybridge_gemma::testing::Random;

use super::{Sample, Task, between, once_in, pick};

/// Two numbers and an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    a: u32,
    b: u32,
    sign: char,
}

impl Sum {
    pub(super) fn any(random: &mut Random) -> Self {
        match random.below(16) {
            0..=7 => {
                let a = between(random, 0, 99).min(between(random, 0, 99));
                Self::adding(random, a)
            }
            8..=14 => {
                let a = between(random, 0, 99);
                Self { a, b: between(random, 0, a), sign: '-' }
            }
            _ => {
                let a = between(random, 0, 12);
                let most = 99_u32.checked_div(a).unwrap_or(12).min(12);
                Self { a, b: between(random, 0, most), sign: '*' }
            }
        }
    }

    /// An addition to `a`.
    pub(super) fn adding(random: &mut Random, a: u32) -> Self {
        Self { a, b: between(random, 0, 99 - a), sign: '+' }
    }

    /// A subtraction from `a`.
    pub(super) fn taking(random: &mut Random, a: u32) -> Self {
        Self { a, b: between(random, 0, a), sign: '-' }
    }

    pub(super) fn result(self) -> u32 {
        match self.sign {
            '+' => self.a + self.b,
            '-' => self.a - self.b,
            _ => self.a * self.b,
        }
    }

    pub(super) fn sign(self) -> char {
        self.sign
    }

    pub(super) fn second(self) -> u32 {
        self.b
    }

    pub(super) fn text(self) -> String {
        format!("{} {} {}", self.a, self.sign, self.b)
    }

    /// The answer repeats the sum, so that every form of question ends in the same few tokens, and
    /// computes tens and ones separately, so that every step can be memorised.
    pub(super) fn answer(self) -> String {
        let Self { a, b, sign } = self;
        let (text, result) = (self.text(), self.result());
        match sign {
            '+' if a > 9 || b > 9 => {
                let (tens, ones) = (a / 10 * 10 + b / 10 * 10, a % 10 + b % 10);
                format!("{text} = {tens} + {ones} = {result}.")
            }
            '-' if b > 9 => format!("{text} = {} - {} = {result}.", a - b / 10 * 10, b % 10),
            _ => format!("{text} = {result}."),
        }
    }

    pub(super) fn key(self) -> String {
        self.text()
    }

    pub(super) fn question(self, random: &mut Random) -> String {
        let Self { a, b, sign } = self;
        let text = self.text();
        let word = match sign {
            '+' => "plus",
            '-' => "minus",
            _ => "times",
        };
        match random.below(8) {
            0 => format!("What is {text}?"),
            1 => text,
            2 => format!("{text} = ?"),
            3 => format!("What is {a} {word} {b}?"),
            4 => format!("How much is {a} {word} {b}?"),
            5 => format!("{a} {word} {b}"),
            6 => format!("Calculate {text}."),
            _ => match sign {
                '+' => format!("Add {a} and {b}."),
                '-' => format!("Subtract {b} from {a}."),
                _ => format!("Multiply {a} by {b}."),
            },
        }
    }
}

pub(super) fn sum(random: &mut Random) -> Sample {
    let sum = Sum::any(random);
    let mut question = sum.question(random);
    if once_in(random, 6) {
        question = pick(random, &["Please: ", "Quick: ", "Tell me: "]).to_owned() + &question;
    }
    Sample::new(Task::Sum, question, sum.answer(), sum.key())
}

//! Two tools, one of which answers the request, with the engine's own instructions.

use hybridge_gemma::testing::Random;

use super::lexicon::{self, DAYS, GOODS};
use super::sums::Sum;
use super::{Sample, Task, between, once_in, pick};

/// A function that the model may call.
struct Tool {
    name: &'static str,
    description: &'static str,
    arguments: &'static [(&'static str, &'static str)],
}

const TOOLS: [Tool; 8] = [
    Tool {
        name: "get_weather",
        description: "The weather in a city",
        arguments: &[("city", "string")],
    },
    Tool { name: "get_time", description: "The time in a city", arguments: &[("city", "string")] },
    Tool { name: "set_timer", description: "Sets a timer", arguments: &[("minutes", "integer")] },
    Tool { name: "play_song", description: "Plays a song", arguments: &[("title", "string")] },
    Tool { name: "call_person", description: "Calls somebody", arguments: &[("name", "string")] },
    Tool {
        name: "send_message",
        description: "Sends a message",
        arguments: &[("to", "string"), ("text", "string")],
    },
    Tool {
        name: "add_item",
        description: "Adds to the shopping list",
        arguments: &[("item", "string"), ("count", "integer")],
    },
    Tool {
        name: "book_table",
        description: "Books a table",
        arguments: &[("people", "integer"), ("day", "string")],
    },
];

const MESSAGES: [&str; 6] =
    ["I am late", "See you soon", "Call me back", "Thank you", "Good night", "Come home"];

impl Tool {
    /// Serialises as the engine does; depending on its build, serde sorts keys or keeps their
    /// order.
    fn declaration(&self, is_sorted: bool, is_required: bool) -> String {
        let Self { name, description, arguments } = self;
        let mut arguments = arguments.to_vec();
        if is_sorted {
            arguments.sort_unstable();
        }
        let properties: Vec<String> = arguments
            .iter()
            .map(|(name, kind)| format!("\"{name}\":{{\"type\":\"{kind}\"}}"))
            .collect();
        let properties = properties.join(",");
        // Names of required arguments stay in the order in which they were given.
        let names: Vec<String> =
            self.arguments.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let required = if is_required {
            format!(",\"required\":[{}]", names.join(","))
        } else {
            String::new()
        };
        if is_sorted {
            format!(
                "{{\"description\":\"{description}\",\"name\":\"{name}\",\"parameters\":{{\"properties\":{{{properties}}}{required},\"type\":\"object\"}}}}"
            )
        } else {
            format!(
                "{{\"name\":\"{name}\",\"description\":\"{description}\",\"parameters\":{{\"type\":\"object\",\"properties\":{{{properties}}}{required}}}}}"
            )
        }
    }

    /// Returns a request for the function, its arguments as JSON values, and the key of both.
    fn request(&self, random: &mut Random) -> (String, Vec<String>, String) {
        let quoted = |text: &str| format!("\"{text}\"");
        let number = between(random, 2, 90);
        let name = lexicon::name(random);
        match self.name {
            "get_weather" => {
                let question = pick(
                    random,
                    &[
                        "What is the weather in @?",
                        "How is the weather in @?",
                        "Will it rain in @?",
                    ],
                );
                (question.replace('@', &name), vec![quoted(&name)], name)
            }
            "get_time" => {
                let question = pick(
                    random,
                    &["What time is it in @?", "How late is it in @?", "Tell me the time in @."],
                );
                (question.replace('@', &name), vec![quoted(&name)], name)
            }
            "set_timer" => {
                let question = pick(
                    random,
                    &[
                        "Set a timer for @ minutes.",
                        "Wake me in @ minutes.",
                        "Start a timer: @ minutes.",
                    ],
                );
                (
                    question.replace('@', &number.to_string()),
                    vec![number.to_string()],
                    format!("timer {number}"),
                )
            }
            "play_song" => {
                let title = format!("{name} {}", lexicon::name(random));
                let question = pick(random, &["Play @.", "Play the song @.", "I want to hear @."]);
                (question.replace('@', &title), vec![quoted(&title)], title)
            }
            "call_person" => {
                let question =
                    pick(random, &["Call @.", "Phone @, please.", "I want to talk to @."]);
                (question.replace('@', &name), vec![quoted(&name)], name)
            }
            "send_message" => {
                let text = pick(random, &MESSAGES);
                let question = pick(random, &["Tell @: #.", "Write to @: #.", "Send # to @."]);
                (
                    question.replace('@', &name).replace('#', text),
                    vec![quoted(&name), quoted(text)],
                    name,
                )
            }
            "add_item" => {
                let item = pick(random, &GOODS);
                let question =
                    pick(random, &["Put @ on the list.", "We need @.", "Add @ to the list."]);
                let goods = format!("{number} {item}");
                (question.replace('@', &goods), vec![quoted(item), number.to_string()], goods)
            }
            _ => {
                let day = pick(random, &DAYS);
                let question = pick(
                    random,
                    &[
                        "Book a table for @ on #.",
                        "A table for @ on #, please.",
                        "On # we dine with @ people.",
                    ],
                );
                let key = format!("table {number} {day}");
                (
                    question.replace('@', &number.to_string()).replace('#', day),
                    vec![number.to_string(), quoted(day)],
                    key,
                )
            }
        }
    }
}

/// Returns the engine's instructions for two tools.
fn instructions(tools: [&Tool; 2], must_call: bool, is_sorted: bool, is_required: bool) -> String {
    let when = if must_call { "Call one of them now." } else { "Call one only if it helps." };
    let [first, second] = tools.map(|tool| tool.declaration(is_sorted, is_required));
    format!(
        "You can call functions. {when} A call is a JSON object {{\"name\": function name, \"parameters\": \
         {{argument name: value}}}} and nothing else; several calls are a JSON array of such objects.\n[{first},{second}]"
    )
}

/// Returns a function's result, as JSON and in words.
fn result(random: &mut Random) -> (String, String) {
    match random.below(3) {
        0 => {
            let number = between(random, 0, 999).to_string();
            (number.clone(), number)
        }
        1 => {
            let text = format!(
                "{} {}",
                between(random, 2, 99),
                pick(random, &["degrees", "minutes", "euros"])
            );
            (format!("\"{text}\""), text)
        }
        _ => {
            let word = lexicon::made_up(random, 3, 7);
            (format!("\"{word}\""), word)
        }
    }
}

pub(super) fn choice(random: &mut Random) -> Sample {
    let at = random.below(8) as usize;
    let other = (at + between(random, 1, 7) as usize) % 8;
    let (tool, other) = (&TOOLS[at], &TOOLS[other]);
    let must_call = once_in(random, 3);
    let shown = if once_in(random, 2) { [tool, other] } else { [other, tool] };
    let system = instructions(shown, must_call, once_in(random, 2), once_in(random, 3));
    let mut sample = if !must_call && once_in(random, 8) {
        let sum = Sum::any(random);
        Sample::new(Task::Tools, sum.question(random), sum.answer(), sum.key())
    } else {
        let (question, values, key) = tool.request(random);
        let entries: Vec<String> = tool
            .arguments
            .iter()
            .zip(values)
            .map(|((name, _), value)| format!("\"{name}\":{value}"))
            .collect();
        let answer =
            format!("{{\"name\":\"{}\",\"parameters\":{{{}}}}}", tool.name, entries.join(","));
        let sample = Sample::new(Task::Tools, question, answer, key.clone());
        if must_call || !once_in(random, 6) {
            sample
        } else {
            // The function's result is in a turn of its own.
            let (json, said) = result(random);
            let output =
                format!("```tool_output\n{{\"name\":\"{}\",\"result\":{json}}}\n```", tool.name);
            sample.then(output, format!("The result is {said}."), key)
        }
    };
    sample.system = system;
    sample
}

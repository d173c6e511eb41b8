//! Extraction of name, date and amount from a sentence, as JSON by a schema in the prompt.

use hybridge_gemma::testing::Random;

use super::lexicon::{self, MONTHS};
use super::{Sample, Task, between, once_in, pick};

/// The content of a field of the schema.
#[derive(Clone, Copy, Debug)]
enum Field {
    Name,
    Date,
    Amount,
}

impl Field {
    fn key(self, random: &mut Random) -> &'static str {
        let keys: &[&'static str] = match self {
            Self::Name => &["name", "name", "person", "customer"],
            Self::Date => &["date", "date", "day", "when"],
            Self::Amount => &["amount", "amount", "price", "total"],
        };
        pick(random, keys)
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Name | Self::Date => "string",
            Self::Amount => "integer",
        }
    }
}

pub(super) fn extraction(random: &mut Random) -> Sample {
    let name = if once_in(random, 3) {
        lexicon::name(random)
    } else {
        format!("{} {}", lexicon::name(random), lexicon::name(random))
    };
    let (day, month, year) =
        (between(random, 1, 28), between(random, 1, 12), between(random, 1990, 2039));
    let amount = between(random, 2, 999);
    let month_name = MONTHS[month as usize - 1];
    let date = format!("{year}-{month:02}-{day:02}");
    let spoken = match random.below(4) {
        0 => date.clone(),
        1 => format!("{month_name} {day}, {year}"),
        _ => format!("{day} {month_name} {year}"),
    };
    let text = match random.below(6) {
        0 => format!("{name} paid {amount} euros on {spoken}."),
        1 => format!("On {spoken}, {name} sent {amount} euros."),
        2 => format!("Invoice for {name}, {spoken}: {amount} euros."),
        3 => format!("{name} owes {amount} euros, due on {spoken}."),
        4 => format!("We got {amount} euros from {name} on {spoken}."),
        _ => format!("{name} bought a lamp for {amount} euros on {spoken}."),
    };
    let mut fields = vec![Field::Name, Field::Date, Field::Amount];
    if once_in(random, 2) {
        let at = random.below(3) as usize;
        let field = fields.remove(at);
        fields.insert(random.below(3) as usize, field);
    }
    if once_in(random, 4) {
        fields.remove(random.below(3) as usize);
    }
    let (mut properties, mut entries, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for field in fields {
        let key = field.key(random);
        properties.push(format!("\"{key}\":{{\"type\":\"{}\"}}", field.kind()));
        names.push(format!("\"{key}\""));
        entries.push(match field {
            Field::Name => format!("\"{key}\":\"{name}\""),
            Field::Date => format!("\"{key}\":\"{date}\""),
            Field::Amount => format!("\"{key}\":{amount}"),
        });
    }
    let required = if once_in(random, 3) {
        format!(",\"required\":[{}]", names.join(","))
    } else {
        String::new()
    };
    let schema =
        format!("{{\"type\":\"object\",\"properties\":{{{}}}{required}}}", properties.join(","));
    let question = match random.below(3) {
        0 => format!("Extract as JSON by {schema}: {text}"),
        1 => format!("{text}\nAnswer in JSON by {schema}"),
        _ => format!("Fill in {schema}\n{text}"),
    };
    Sample::new(Task::Extraction, question, format!("{{{}}}", entries.join(",")), name)
}

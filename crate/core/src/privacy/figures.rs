//! Measures the share of the corpus that is found, and false positives.

use super::corpus::{DISGUISES, Random, SENTENCES, plain};
use super::{SensitiveKind, kinds_of};

/// Texts that only look like personal data.
const LOOK_ALIKES: [&str; 78] = [
    "the range 07000 - 0789@",
    "reads 512 - 26# - 23# bytes left",
    "apiKey: process.env.MEM0_API_KEY",
    "ConnectionTrafficSecrets::Chacha20Poly1305 {",
    "02-1#-2019 19:4# PST",
    "billingAccounts/0@#345-567890-ABCDEF",
    "end\n331#\n331#\n741#\n74@#\n69@35\n7075#",
    "0063 00#3 007# ; three letters",
    "0111 18c0 1.52-.87 2.83-2.12 3.51.98.3# 2.03.5 3.11.5",
    "and_npm_install_D_types_Slashnode_62##",
    "// 2#.2.1.1  class ctype",
    "Per 4.2.1.@, use the count",
    "\"2.5.2#.1\"",
    "see `3.2.2.1#`_ of the standard",
    "since 1.7.4.@",
    "USE_REGISTERED_RING = 21474836##,",
    "from_u128(0x4d1e55b2_f16f_11cf_88cb_00@11100003#)",
    "0065 0302 03## ; a letter with two marks",
    "],\n        5#########,\n    )",
    "001.022.233.04#",
    "call stack size ######## exceeded",
    "the cell count was ########",
    "telemetry: ######### events",
    "git@github.com:acme/x#.git",
    "The company was born in 19##; founded 3 May 19##",
    "Chrome/12#.0.0.0 Safari/537.36",
    "version 1#.1#.7.2",
    "v1.2#.3.4",
    "matrix row 12# 45 67# 90##",
    "1 2# 3 4# 5 6# 7 8#",
    "timestamp 17########",
    "17########000",
    "{\"id\": 5#########}",
    "order 5######### shipped",
    "Order #9876######",
    "invoice 40########",
    "ISBN 978-3-16-148410-#",
    "ISBN 3########7",
    "size 2#######48 bytes",
    "2#######4# bytes",
    "const MAX = 42949672@#;",
    "x = 5#########",
    "return 7######### + y;",
    "seed: 6#########",
    "0.@########## m",
    "3.14159#####",
    "1,234,56#,###",
    "1#.###.###,00",
    "2024-0@-1# 12:30:4#",
    "1#.0@.2024",
    "from 0@/1#/2024 to 0@/2#/2024",
    "uuid xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx",
    "commit xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sha256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "00:1a:2b:3c:4d:##",
    "lat 50.7374#, lon 7.0982#",
    "password must be at least 1# characters",
    "password: string;",
    "password = getPassword()",
    "\"password\": {\"type\": \"string\"}",
    "the token count is 4###",
    "max_tokens=40##",
    "the secret of a long-lasting friendship",
    "key: value##",
    "api_key = os.environ['API_KEY']",
    "bearer of bad news and nothing else",
    "icon@2x.png",
    "lodash@4.17.2#",
    "@media print",
    "npm install foo@^1.2.#",
    "section 1.2.3.#",
    "std::vec::Vec##",
    "a::b::c",
    "10 000 00@",
    "born in 19##",
    "birth rate 2.# in 19##",
    "Tel Aviv has 4##### people",
    "mobile first since 20##",
];

fn look_alike(random: &mut Random) -> String {
    let form = random.pick(&LOOK_ALIKES);
    let is_hexadecimal = form.contains("xxxx");
    let mut escaped = String::new();
    for mark in form.chars() {
        if matches!(mark, 'a' | 'A' | '*' | '?')
            || (mark == 'x' && !is_hexadecimal)
            || (mark == '@' && !form.contains("0@") && !form.contains("72@"))
        {
            escaped.push('\\');
        }
        escaped.push(mark);
    }
    random.form(&escaped)
}

/// Counts of each kind: found and total.
pub(crate) struct Table {
    pub(crate) plain: Vec<(SensitiveKind, usize, usize, Vec<String>)>,
    pub(crate) disguised: Vec<(&'static str, usize, usize, Vec<String>)>,
    pub(crate) alarms: (usize, usize, Vec<String>),
}

pub(crate) fn measure(count: usize) -> Table {
    let mut random = Random::new(19);
    let in_sentence = |random: &mut Random, text: &str| random.pick(&SENTENCES).replace("{}", text);
    let plain_rows = SensitiveKind::ALL.map(|kind| {
        let mut missed = Vec::new();
        for _ in 0..count {
            let value = plain(kind, &mut random);
            let text = in_sentence(&mut random, &value);
            if !kinds_of(&text).contains(&kind) {
                missed.push(text);
            }
        }
        (kind, count - missed.len(), count, missed)
    });
    let disguised = DISGUISES.map(|(name, disguise)| {
        let mut missed = Vec::new();
        for at in 0..count {
            let mut kind = SensitiveKind::ALL[at % SensitiveKind::ALL.len()];
            // Separators between digits also occur in keys and addresses.
            let is_between =
                ["spaces", "dashes", "tabs", "breaks"].iter().any(|it| name.ends_with(it));
            if is_between
                && matches!(
                    kind,
                    SensitiveKind::ApiKey | SensitiveKind::IpAddress | SensitiveKind::Email
                )
            {
                kind = SensitiveKind::CreditCard;
            }
            let value = disguise(&plain(kind, &mut random));
            let text =
                if name.starts_with("JSON") { value } else { in_sentence(&mut random, &value) };
            if kinds_of(&text).is_empty() {
                missed.push(text);
            }
        }
        (name, count - missed.len(), count, missed)
    });
    let mut raised = Vec::new();
    for _ in 0..count * 4 {
        let text = look_alike(&mut random);
        let text = in_sentence(&mut random, &text);
        if !kinds_of(&text).is_empty() {
            raised.push(text);
        }
    }
    Table {
        plain: plain_rows.into(),
        disguised: disguised.into(),
        alarms: (raised.len(), count * 4, raised),
    }
}

impl Table {
    pub(crate) fn print(&self) {
        let percent =
            |part: usize, whole: usize| format!("{:6.2} %", 100.0 * part as f64 / whole as f64);
        for (kind, found, of, _) in &self.plain {
            println!("{:20} {} of {of}", kind.word(), percent(*found, *of));
        }
        for (name, found, of, _) in &self.disguised {
            println!("{name:20} {} of {of}", percent(*found, *of));
        }
        println!(
            "{:20} {} of {}",
            "look-alikes raised",
            percent(self.alarms.0, self.alarms.1),
            self.alarms.1
        );
    }
}

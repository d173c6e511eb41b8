//! The defaults and quirks of metadata: what a network is read as.

use std::rc::Rc;

use hybridge_gemma::Config;
use hybridge_gemma::config::{Rope, Span};
use hybridge_gemma::gguf::Gguf;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Entry, Tiny, Writer, find};
use pollster::block_on;

fn read(layers: usize, bend: impl FnOnce(&mut Writer)) -> Config {
    // Only the first layer's tensors are there: a config needs no more.
    let tiny = Tiny { layers: 1, vocabulary: 701, ..find("f32").unwrap() };
    let mut writer = tiny.writer();
    writer.set("gemma3.block_count", Entry::U32(u32::try_from(layers).unwrap()));
    bend(&mut writer);
    let gguf = block_on(Gguf::open(vec![Rc::new(Memory(writer.bytes()))])).unwrap();
    Config::read(&gguf).unwrap()
}

/// `l` for local, `G` for global.
fn spans(config: &Config) -> String {
    let letter = |span| if span == Span::Local { 'l' } else { 'G' };
    config.layers.iter().map(|layer| letter(layer.span)).collect()
}

const PATTERN: &str = "gemma3.attention.sliding_window_pattern";
const WINDOW: &str = "gemma3.attention.sliding_window";

#[test]
fn patterns_of_layers() {
    let flags = |text: &str| text.chars().map(|c| c == 'l').collect::<Vec<_>>();
    for (pattern, expected) in [
        (None, "lllllGlllllGll"),
        (Some(Entry::U32(6)), "lllllGlllllGll"),
        (Some(Entry::I32(3)), "llGllGllGllGll"),
        (Some(Entry::U64(1)), "GGGGGGGGGGGGGG"),
        (Some(Entry::U32(0)), "llllllllllllll"),
        (Some(Entry::Bools(flags("GllGGllllGGlll"))), "GllGGllllGGlll"),
        (Some(Entry::Integers(vec![1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])), "lGlllllllllllG"),
    ] {
        let config = read(14, |writer| {
            if let Some(pattern) = &pattern {
                writer.set(PATTERN, pattern.clone());
            }
        });
        assert_eq!(spans(&config), expected, "{pattern:?}");
    }
}

#[test]
fn without_a_window_every_layer_is_global() {
    for bend in
        [|it: &mut Writer| it.remove(WINDOW), |it: &mut Writer| it.set(WINDOW, Entry::U32(0))]
    {
        let config = read(7, |writer| {
            writer.set(PATTERN, Entry::U32(6));
            bend(writer);
        });
        assert_eq!((spans(&config).as_str(), config.window), ("GGGGGGG", None));
        assert_eq!(config.layers[0].rope, Rope { base: 1e6, scale: 1.0 });
    }
}

#[test]
fn ropes_of_local_and_global_layers() {
    let text = |text: &str| Entry::Text(text.to_owned());
    type Keys<'a> = &'a [(&'a str, Option<Entry>)];
    type Bases = (f64, f64, f64);
    let cases: [(&str, usize, Keys<'_>, Bases); 9] = [
        ("as written", 6, &[], (1e4, 1e6, 1.0)),
        ("no base", 6, &[("freq_base", None)], (1e4, 1e4, 1.0)),
        ("llama.cpp's local key", 6, &[("freq_base_swa", Some(Entry::F32(5e3)))], (5e3, 1e6, 1.0)),
        ("ollama's", 6, &[("local.freq_base", Some(Entry::F32(7e3)))], (7e3, 1e6, 1.0)),
        (
            "linear",
            6,
            &[("scaling.type", Some(text("linear"))), ("scaling.factor", Some(Entry::F32(8.0)))],
            (1e4, 1e6, 0.125),
        ),
        ("the old key", 6, &[("scale_linear", Some(Entry::F32(4.0)))], (1e4, 1e6, 0.25)),
        (
            "none",
            6,
            &[("scaling.type", Some(text("none"))), ("scaling.factor", Some(Entry::F32(8.0)))],
            (1e4, 1e6, 1.0),
        ),
        ("ollama's 4B", 34, &[("freq_base", None)], (1e4, 1e6, 0.125)),
        ("another 34 layers", 34, &[], (1e4, 1e6, 1.0)),
    ];
    for (name, layers, keys, (local, global, scale)) in cases {
        let config = read(layers, |writer| {
            for (key, entry) in keys {
                let key = format!("gemma3.rope.{key}");
                match entry {
                    Some(entry) => writer.set(&key, entry.clone()),
                    None => writer.remove(&key),
                }
            }
        });
        assert_eq!(config.layers[0].rope, Rope { base: local, scale: 1.0 }, "{name}: local");
        assert_eq!(config.layers[5].rope, Rope { base: global, scale }, "{name}: global");
    }
}

#[test]
fn scales_follow_from_sizes() {
    // Of 62 layers the query scale is that of width / heads, a whole number.
    for (layers, heads, head_dim, of) in [(26, 4, 32, 32), (62, 4, 32, 16), (62, 3, 32, 21)] {
        let config = read(layers, |writer| {
            writer.set("gemma3.attention.head_count", Entry::U32(heads));
            writer.set("gemma3.attention.head_count_kv", Entry::U32(1));
        });
        assert_eq!(config.head_dim, head_dim);
        let off = f64::from(config.query_scale) * f64::from(of).sqrt() - 1.0;
        assert!(off.abs() < 1e-7, "{layers} layers, {heads} heads");
        assert_eq!(config.embedding_scale, 8.0);
    }
}

#[test]
fn counts_come_once_or_for_each_layer() {
    let config = read(3, |writer| {
        writer.set("gemma3.attention.head_count_kv", Entry::Integers(vec![2; 3]));
        writer.set("gemma3.feed_forward_length", Entry::Integers(vec![96; 3]));
        writer.set("gemma3.context_length", Entry::U64(777));
    });
    assert_eq!((config.kv_heads, config.hidden, config.context), (2, 96, 777));
}

#[test]
fn the_head_is_as_wide_as_its_norm_where_no_key_tells() {
    let config = read(3, |writer| {
        writer.remove("gemma3.attention.key_length");
        writer.remove("gemma3.attention.value_length");
    });
    assert_eq!(config.head_dim, 32);
}

#[test]
fn a_soft_cap_counts_only_above_nothing() {
    let key = "gemma3.final_logit_softcapping";
    for (entry, cap) in [(Entry::F32(30.0), Some(30.0)), (Entry::F32(0.0), None)] {
        assert_eq!(read(3, |writer| writer.set(key, entry)).soft_cap, cap);
    }
}

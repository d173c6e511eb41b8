//! Defaults and quirks of metadata.

use std::rc::Rc;

use hybridge_gemma::Config;
use hybridge_gemma::config::{Rope, Span};
use hybridge_gemma::gguf::Gguf;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Entry, Tiny, Writer, find};
use pollster::block_on;

fn read(layers: usize, bend: impl FnOnce(&mut Writer)) -> Config {
    // Only the first layer's tensors are present, which is enough for a config.
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
        assert_eq!((spans(&config).as_str(), config.window()), ("GGGGGGG", None));
        assert_eq!(config.layers[0].rope, Rope::new(1e6, 1.0));
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
        assert_eq!(config.layers[0].rope, Rope::new(local, 1.0), "{name}: local");
        assert_eq!(config.layers[5].rope, Rope::new(global, scale), "{name}: global");
    }
}

#[test]
fn scales_are_derived_from_sizes() {
    // With 62 layers, the query scale is that of width / heads, an integer.
    for (layers, heads, head_dim, of) in [(26, 4, 32, 32), (62, 4, 32, 16), (62, 3, 32, 21)] {
        let config = read(layers, |writer| {
            writer.set("gemma3.attention.head_count", Entry::U32(heads));
            writer.set("gemma3.attention.head_count_kv", Entry::U32(1));
        });
        assert_eq!(config.layers[0].head_dim, head_dim);
        let off = f64::from(config.query_scale) * f64::from(of).sqrt() - 1.0;
        assert!(off.abs() < 1e-7, "{layers} layers, {heads} heads");
        assert_eq!(config.embedding_scale, 8.0);
    }
}

#[test]
fn counts_may_be_given_once_or_for_each_layer() {
    let config = read(3, |writer| {
        writer.set("gemma3.attention.head_count_kv", Entry::Integers(vec![2; 3]));
        writer.set("gemma3.feed_forward_length", Entry::Integers(vec![96; 3]));
        writer.set("gemma3.context_length", Entry::U64(777));
    });
    assert_eq!((config.layers[0].kv_heads, config.layers[0].hidden, config.context), (2, 96, 777));
}

#[test]
fn without_a_key_the_head_is_as_wide_as_its_norm() {
    let config = read(3, |writer| {
        writer.remove("gemma3.attention.key_length");
        writer.remove("gemma3.attention.value_length");
    });
    assert_eq!(config.layers[0].head_dim, 32);
}

#[test]
fn a_soft_cap_must_be_positive() {
    let key = "gemma3.final_logit_softcapping";
    for (entry, cap) in [(Entry::F32(30.0), Some(30.0)), (Entry::F32(0.0), None)] {
        assert_eq!(read(3, |writer| writer.set(key, entry)).soft_cap, cap);
    }
}

fn read_newer(name: &str, bend: impl FnOnce(&mut Writer)) -> hybridge_core::Result<Config> {
    let mut writer = find(name).unwrap().writer();
    bend(&mut writer);
    let gguf = block_on(Gguf::open(vec![Rc::new(Memory(writer.bytes()))])).unwrap();
    Config::read(&gguf)
}

/// Returns the layer that provides each layer's keys.
fn sources(config: &Config) -> Vec<usize> {
    (0..config.layers.len()).map(|index| config.cache_of(index)).collect()
}

#[test]
fn newer_networks_are_read_layer_by_layer() {
    let config = read_newer("gemma4", |_| {}).unwrap();
    assert_eq!(spans(&config), "llGllGllG");
    assert_eq!(sources(&config), [0, 1, 2, 3, 4, 5, 4, 4, 5]);
    let sizes: Vec<_> = config.layers.iter().map(|it| (it.head_dim, it.hidden)).collect();
    assert_eq!(sizes[..3], [(32, 96), (32, 96), (64, 96)]);
    assert_eq!(sizes[6..], [(32, 160), (32, 160), (64, 160)]);
    assert_eq!((config.query_scale, config.per_layer, config.streams), (1.0, Some(32), 1));

    let config = read_newer("gemma4_dense", |_| {}).unwrap();
    let kv: Vec<_> = config.layers.iter().map(|it| it.kv_heads).collect();
    assert_eq!((kv, config.per_layer), (vec![2, 2, 1, 2, 2, 1], None));

    let config = read_newer("gemma3n", |_| {}).unwrap();
    assert_eq!(sources(&config), [0, 1, 2, 3, 4, 5, 6, 7, 7, 4, 7, 7]);
    let sparse: Vec<_> = config.layers.iter().map(|it| it.sparsity.is_some()).collect();
    assert_eq!(
        sparse,
        [true, true, true, true, false, false, false, false, false, false, false, false]
    );
    assert_eq!((config.streams, config.soft_cap), (4, Some(3.0)));
}

#[test]
fn defaults_of_newer_networks_equal_the_released_models() {
    for name in ["gemma4", "gemma3n"] {
        let cap = format!("{name}.final_logit_softcapping");
        assert_eq!(read_newer(name, |it| it.remove(&cap)).unwrap().soft_cap, Some(30.0));
        let zero = read_newer(name, |it| it.set(&cap, Entry::F32(0.0))).unwrap();
        assert_eq!(zero.soft_cap, None, "{name}");
        let config = read_newer(name, |it| {
            it.remove(&format!("{name}.rope.freq_base"));
            it.remove(&format!("{name}.rope.freq_base_swa"));
        });
        assert!(config.unwrap().layers.iter().all(|layer| layer.rope.base == 1e4), "{name}");
        // Read from a tensor of that width.
        let key = format!("{name}.embedding_length_per_layer_input");
        assert_eq!(read_newer(name, |it| it.remove(&key)).unwrap().per_layer, Some(32));
    }
    let config = read_newer("gemma3n", |it| {
        it.remove("gemma3n.attention.sliding_window_pattern");
        it.remove("gemma3n.activation_sparsity_scale");
    })
    .unwrap();
    assert_eq!(spans(&config), "llllGllllGll");
    let scales: Vec<_> = config.layers.iter().filter_map(|layer| layer.sparsity).collect();
    assert_eq!(scales, [1.644_853_6; 10]);
}

#[test]
fn newer_networks_that_cannot_run_are_refused_by_name() {
    for (name, key, entry, code) in [
        ("gemma4", "expert_count", Some(Entry::U32(8)), "MODEL_ARCHITECTURE"),
        ("gemma4", "attention.sliding_window", None, "MODEL_KEY_MISSING"),
        ("gemma4", "attention.sliding_window_pattern", None, "MODEL_KEY_MISSING"),
        ("gemma4", "attention.key_length_swa", None, "MODEL_KEY_MISSING"),
        ("gemma4", "attention.shared_kv_layers", Some(Entry::U32(9)), "MODEL_KEY_INVALID"),
        ("gemma4", "attention.shared_kv_layers", Some(Entry::U32(7)), "MODEL_KEY_INVALID"),
        ("gemma4", "attention.shared_kv_layers", Some(Entry::F32(2.5)), "MODEL_KEY_INVALID"),
        ("gemma4", "rope.dimension_count", Some(Entry::U32(16)), "MODEL_KEY_INVALID"),
        ("gemma4", "feed_forward_length", Some(Entry::Integers(vec![96; 8])), "MODEL_KEY_INVALID"),
        ("gemma3n", "altup.active_idx", Some(Entry::U32(1)), "MODEL_KEY_INVALID"),
        ("gemma3n", "altup.num_inputs", Some(Entry::U32(1)), "MODEL_KEY_INVALID"),
        (
            "gemma3n",
            "activation_sparsity_scale",
            Some(Entry::Floats(vec![0.0; 3])),
            "MODEL_KEY_INVALID",
        ),
    ] {
        let whole = format!("{name}.{key}");
        let error = read_newer(name, |writer| match entry {
            Some(entry) => writer.set(&whole, entry),
            None => writer.remove(&whole),
        })
        .unwrap_err();
        assert_eq!(error.code.as_deref(), Some(code), "{key}: {error}");
        let is_named = error.message.contains(key) || error.message.contains("experts");
        assert!(is_named, "{key}: {error}");
    }
}

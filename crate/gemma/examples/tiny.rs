//! Writes every tiny model into a folder, for the oracles: `tiny FOLDER`.

use std::path::PathBuf;
use std::rc::Rc;

use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{
    CHAT_GEMMA_4, FUNCTION_GEMMA, TinyTower, find, tiny_adapter, tiny_models,
};
use hybridge_gemma::weights::Model;

/// Models that are also tested with a prompt long enough to wrap every ring of keys and values.
const LONG: [&str; 4] = ["irregular", "period_2", "gemma4", "gemma3n"];

/// Picture sizes for testing towers: one wide, one small and tall.
const PICTURES: [(usize, usize); 2] = [(160, 90), (20, 33)];

/// The Gemma 3 model that is also written with the markers around pictures.
const SEEING: &str = "period_2";

/// Models that are also tested with an adapter.
const ADAPTED: [&str; 4] = ["f32", "q4_k", "gemma4_q4_0", "gemma3n"];

/// The model that is also written in three parts.
const SPLIT: &str = "q8_0";

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for tiny in tiny_models().into_iter().chain([FUNCTION_GEMMA, CHAT_GEMMA_4]) {
        std::fs::write(folder.join(format!("{}.gguf", tiny.name)), tiny.bytes())?;
        if tiny.name == SPLIT {
            for (number, part) in (1..).zip(tiny.writer().split(3)) {
                std::fs::write(folder.join(format!("{SPLIT}.{number}-of-3")), part)?;
            }
        }
        let write_prompt = |kind: &str, length: usize| {
            let prompt: Vec<String> = tiny.prompt(length).iter().map(u32::to_string).collect();
            std::fs::write(folder.join(format!("{}.{kind}", tiny.name)), prompt.join(","))
        };
        write_prompt("prompt", 24)?;
        if LONG.contains(&tiny.name) {
            write_prompt("long", 160)?;
        }
    }
    for (name, tiny) in [("seeing_3", find(SEEING)), ("seeing_4", Some(CHAT_GEMMA_4))] {
        let writer = tiny.map(|tiny| tiny.seeing_writer()).unwrap_or_default();
        std::fs::write(folder.join(format!("{name}.gguf")), writer.bytes())?;
    }
    let adapters = folder.join("adapters");
    std::fs::create_dir_all(&adapters)?;
    for tiny in ADAPTED.into_iter().filter_map(find) {
        let opened = pollster::block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))]));
        let model = opened.map_err(|error| std::io::Error::other(error.to_string()))?;
        let bytes = tiny_adapter(&model, 17).bytes();
        std::fs::write(adapters.join(format!("{}.gguf", tiny.name)), bytes)?;
    }
    for tower in TinyTower::all() {
        std::fs::write(folder.join(format!("{}.gguf", tower.name)), tower.bytes())?;
    }
    for (width, height) in PICTURES {
        let mut picture = format!("P6 {width} {height} 255\n").into_bytes();
        picture.extend(TinyTower::pixels(width, height));
        std::fs::write(folder.join(format!("{width}x{height}.ppm")), picture)?;
    }
    Ok(())
}

//! Writes every tiny model into a folder, for the oracles: `tiny FOLDER`.

use std::path::PathBuf;

use hybridge_gemma::testing::tiny_models;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for tiny in tiny_models() {
        std::fs::write(folder.join(format!("{}.gguf", tiny.name)), tiny.bytes())?;
        let prompt: Vec<String> = tiny.prompt(24).iter().map(u32::to_string).collect();
        std::fs::write(folder.join(format!("{}.prompt", tiny.name)), prompt.join(","))?;
    }
    Ok(())
}
